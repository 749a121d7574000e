"""Licences and notices, unpacked and within the wheel."""

import zipfile
from pathlib import Path

import pytest

from autoglm.core.dataset import PART
from autoglm.core.errors import DataError, OptionError
from autoglm.datasets import licences
from autoglm.testing.datasets import _check_frame

LONG = "You may use this and pass it on, as long as these words stay with it."
HEAD = "---\nkey: l{0}\nname: L {0}\ncategory: Permissive\nother_urls:\n    - http://a: b\n---\n\n"
FILES = {f"licenses/l{n}.LICENSE": f"{HEAD.format(n)}{LONG} {n}" for n in range(30)} | {
    "rules/l1_1.RULE": f"---\nlicense_expression: l1\nis_license_notice: yes\n---\n\nA notice. {LONG}\n",
    "rules/l1_2.RULE": f"---\r\nlicense_expression: l1\r\nis_license_text: yes\r\n---\r\n{LONG} 1",  # said above
    "rules/l1_3.RULE": "---\nlicense_expression: l1\nis_license_notice: yes\n---\nL1 licence",  # short
    "rules/l1_4.RULE": f"---\nlicense_expression: l1\nis_license_reference: yes\n---\nSee there. {LONG}",
    "rules/both.RULE": f"---\nlicense_expression: l1 OR l2\nis_license_notice: yes\n---\nEither. {LONG}",
    "rules/false-positive_1.RULE": f"---\nis_false_positive: yes\n---\nNo licence. {LONG}",
}


@pytest.mark.parametrize("packed", [False, True])
def test_texts_and_notices_of_one_licence(packed: bool, tmp_path: Path) -> None:
    if packed:
        with zipfile.ZipFile(tmp_path / "licensedcode_data-32.1.0-py3-none-any.whl", "w") as wheel:
            for name, text in FILES.items():
                wheel.writestr(f"licensedcode/data/{name}", text)
            wheel.writestr("licensedcode/data/inactive/rules/old.RULE", FILES["rules/l1_1.RULE"].replace("A", "An old"))
    else:
        for name, text in FILES.items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    frame = licences.read(tmp_path).frame
    _check_frame(frame, licences.CARDS[""], "here")
    assert frame.columns.tolist() == ["text", "licence", "category", PART]
    assert len(frame) == 31 and set(frame["category"]) == {"Permissive"}
    assert frame["text"].tolist()[-1] == f"A notice. {LONG}"


@pytest.mark.parametrize(
    ("text", "words"), [("key: l1", "no block"), ("---\nkey: l1\n---\ntext", "nothing under 'category'")]
)
def test_another_file_is_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "data/licenses/l1.LICENSE"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"l1.LICENSE: {words}"):
        licences.read(tmp_path)


def test_what_is_lacking_is_named_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--no-deps licensedcode-data==32\.1\.0"):
        licences.read(tmp_path)
    with pytest.raises(OptionError, match="one task"):
        licences.read(tmp_path, "mit")
