"""Pictures, words and numbers in one table: the continent of a country, told from its flag, its names and its size.

Flags come with the package `django-countries` (MIT), names and numbers with `countryinfo` (MIT). Run it with
`make demo-multimodal`, or `python examples/countries.py [SECONDS]`.
"""

import json
import shutil
import sys
from importlib.metadata import files
from pathlib import Path

import numpy as np
import pandas as pd

import autoglm

OUTPUT = Path("demo-output") / "countries"


def countries(folder: Path) -> pd.DataFrame:
    """One row a country; its flag is put into `folder`, which `flag` starts from."""
    folder.mkdir(parents=True, exist_ok=True)
    flags = {f.stem: f.locate() for f in files("django-countries") or () if f.suffix == ".gif" and "flags" in f.parts}
    rows = []
    for entry in sorted(str(f.locate()) for f in files("countryinfo") or () if f.suffix == ".json"):
        about = json.loads(Path(entry).read_text(encoding="utf-8"))
        code = about.get("ISO", {}).get("alpha2", "").lower()
        if code not in flags or not about.get("region"):
            continue
        shutil.copyfile(flags[code], folder / f"{code}.gif")
        names = [about["name"], about.get("demonym"), *about.get("provinces", [])[:12]]
        rows.append(
            {
                "flag": f"{code}.gif",
                "names": ", ".join(name for name in names if name),
                "population": about.get("population"),
                "area": about.get("area"),
                "neighbours": len(about.get("borders", [])),
                "provinces": len(about.get("provinces", [])),
                "continent": about["region"],
            }
        )
    frame = pd.DataFrame(rows)
    return frame[frame["continent"].map(frame["continent"].value_counts()) >= 10].reset_index(drop=True)


def main(seconds: float) -> None:
    """Fit, say what each modality is worth, take the flags away, and write the report."""
    frame = countries(OUTPUT / "flags")
    test = np.random.default_rng(0).random(len(frame)) < 0.25
    train, new = frame[~test], frame[test].reset_index(drop=True)
    print(f"{len(train)} countries to learn from, {len(new)} to answer; columns: {', '.join(frame.columns)}\n")

    recipe = autoglm.AutoML(seconds=seconds, files=OUTPUT / "flags", folder=OUTPUT / "model", fresh=True)
    predictor = recipe.fit(train, target="continent")

    print("what each modality is worth (by how much the error grows without it):\n")
    print(predictor.modalities[["name", "kind", "weight", "missing", "noise"]].round(3).to_string(index=False))
    commonest = (new["continent"] == train["continent"].mode().item()).mean()
    print(
        f"\nright on new countries: {predictor.evaluate(new)['accuracy']:.2f} (the commonest answer: {commonest:.2f})"
    )
    print(f"... without their flags: {predictor.evaluate(new.assign(flag=None))['accuracy']:.2f}")
    print(f"... without their names: {predictor.evaluate(new.assign(names=None))['accuracy']:.2f}\n")
    some = new.head(5)
    shares = predictor.explain_modalities(some).round(2)
    print("what made the answer (in logarithms of its probability):\n")
    told = pd.DataFrame({"country": some["names"].str.partition(",")[0], "answer": predictor.predict(some)})
    print(told.join(shares).to_string(index=False))
    print(f"\nthe report, with flags to look at: {predictor.report()}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
