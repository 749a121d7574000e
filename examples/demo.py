"""From a table of films to a saved predictor: will the critics like it, told from what its poster says.

The films are Wikidata's (CC0), in the package `bokeh-sampledata`: numbers, categories, missing values, a
release date, and text (title, cast, genres). Run it with `make demo`, or `python examples/demo.py [SECONDS]`.
"""

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd

import autoglm

OUTPUT = Path("demo-output")

# Only what is known on the day a film opens; awards, box office and other critics' scores come later.
FILMS = """
    select imdbID, Title, Released, Runtime, o.Rating as Certificate, Genre, Director, Writer, "Cast",
           Language, Country, Production, case when Meter >= 60 then 'fresh' else 'rotten' end as verdict
    from omdb o join tomatoes t using (ID)
    where Reviews >= 20 and Meter is not null
    order by ID
"""


def films() -> pd.DataFrame:
    """Every film with at least 20 reviews; `verdict` is 'fresh' when 60 % of its critics liked it."""
    from bokeh_sampledata.movies_data import movie_path

    with closing(sqlite3.connect(movie_path)) as database:
        return pd.read_sql(FILMS, database).replace("", None)


def describe(frame: pd.DataFrame) -> str:
    """One line per column: share missing, number of different values, an example."""
    facts = pd.DataFrame(
        {
            "missing": frame.isna().mean().map("{:.0%}".format),
            "different": frame.nunique(),
            "for example": [str(frame[column].dropna().iloc[-1])[:60] for column in frame],
        }
    )
    return facts.to_string()


def baselines(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, dict[str, float]]:
    """What a user would try first: the commonest answer, and LightGBM on the columns that it takes as they are."""
    from lightgbm import LGBMClassifier
    from sklearn.metrics import accuracy_score, roc_auc_score

    plain = ["Runtime", "Certificate", "Language", "Country"]
    both = pd.concat([train[plain], test[plain]]).astype(dict.fromkeys(plain[1:], "category"))
    model = LGBMClassifier(n_jobs=2, random_state=42, verbose=-1)
    model.fit(both.iloc[: len(train)], train["verdict"])
    rotten = model.predict_proba(both.iloc[len(train) :])[:, 1]
    commonest = train["verdict"].mode().item()
    return {
        "commonest answer": {"roc_auc": 0.5, "accuracy": float((test["verdict"] == commonest).mean())},
        "LightGBM, 4 columns": {
            "roc_auc": roc_auc_score(test["verdict"] == "rotten", rotten),
            "accuracy": accuracy_score(test["verdict"] == "rotten", rotten > 0.5),
        },
    }


def leaders(predictor: autoglm.Predictor) -> str:
    """The best eight candidates; those with a weight answer together."""
    shown = ["name", "score", "weight", "folds", "fit_seconds"]
    return (
        predictor.leaderboard()[shown].head(8).round({"score": 4, "weight": 2, "fit_seconds": 1}).to_string(index=False)
    )


def columns(predictor: autoglm.Predictor) -> str:
    """The five columns that matter most."""
    shown = ["name", "importance", "kind", "description"]
    return predictor.explain_global()[shown].head(5).round({"importance": 4}).to_string(index=False)


def main(seconds: float) -> None:
    """Load, split, fit, compare, predict, save."""
    frame = films()
    test = frame.sample(frac=0.2, random_state=42)
    train = frame.drop(test.index)
    print(f"{len(train)} films to learn from, {len(test)} kept aside for the check.\n{describe(frame)}\n")

    recipe = autoglm.AutoML(seconds=seconds, threads=2, seed=42, progress="auto")
    predictor = recipe.fit(train, target="verdict")

    print(f"\nBest candidates (scores on rows a model has not seen):\n{leaders(predictor)}\n")
    print(f"What the answer depends on (fall of the score when a column is shuffled):\n{columns(predictor)}\n")
    print("On the films kept aside:")
    for name, scores in {**baselines(train, test), "Open-AutoGLM": predictor.evaluate(test)}.items():
        print(f"  {name:<20} roc_auc {scores['roc_auc']:.3f}   accuracy {scores['accuracy']:.3f}")

    three = test.head(3)
    answers = pd.DataFrame({"film": three["Title"], "critics said": three["verdict"]})
    answers["we say"] = list(predictor.predict(three.drop(columns="verdict")))
    print(f"\nThree of them:\n{answers.to_string(index=False)}\n")

    shutil.rmtree(OUTPUT, ignore_errors=True)
    predictor.save(OUTPUT / "predictor")
    predictor.report(OUTPUT / "report.html")
    print(f"saved:  {OUTPUT / 'predictor'}   (autoglm.load reads it back)")
    print(f"report: {(OUTPUT / 'report.html').resolve()}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30)
