"""GLUE's files, task by task, in the columns that its archives have."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score

from autoglm.core.dataset import PART
from autoglm.core.errors import DataError, OptionError
from autoglm.datasets import glue

MSR = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"
QQP = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate"
STSB = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore"
PARSES = "sentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse\tsentence1\tsentence2"
MNLI = f"index\tpromptID\tpairID\tgenre\t{PARSES}"
MNLI_TRAIN = f"{MNLI}\tlabel1\tgold_label\n0\t1\t1n\tfiction\t(\t(\t(\t(\tHe ran.\tHe moved.\tneutral\tentailment\n"
LABELS = "label1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label"
NLI = "index\tsentence1\tsentence2\tlabel"

FILES = {
    "sst2": {"train.tsv": 'sentence\tlabel\nthe " film drags \t0\n', "dev.tsv": "sentence\tlabel\nwarm , funny\t1\n"},
    "mrpc": {"train.tsv": f'{MSR}\n1\t7\t8\tA "b.\tC d.\n', "dev.tsv": f"{MSR}\n0\t9\t10\tE.\tF.\n"},
    "qqp": {"train.tsv": f"{QQP}\n1\t2\t3\tWhy?\tHow?\t0\n", "dev.tsv": f"{QQP}\n4\t5\t6\tWho?\tWho is it?\t1\n"},
    "stsb": {
        "train.tsv": f"{STSB}\n0\tmain-captions\tMSRvid\t2012test\t1\tnone\tnone\tA plane.\tAn air plane.\t5.000\n",
        "dev.tsv": f"{STSB}\n0\tmain-captions\tMSRvid\t2012test\t0\tnone\tnone\tA man.\tA cat.\t0.250\n",
    },
    "mnli": {
        "train.tsv": MNLI_TRAIN,
        "dev_matched.tsv": f"{MNLI}\t{LABELS}\n0\t1\t1n\tslate\t(\t(\t(\t(\tA.\tB.\tneutral\t-\t-\t-\t-\tneutral\n",
    },
    "mnli_mm": {
        "train.tsv": MNLI_TRAIN,
        "dev_mismatched.tsv": f"{MNLI}\t{LABELS}\n0\t1\t1n\tletters\t(\t(\t(\t(\tC.\tD.\tneutral\t-\t-\t-\t-"
        "\tcontradiction\n",
    },
    "qnli": {
        "train.tsv": "index\tquestion\tsentence\tlabel\n0\tWhen?\tIn 1990.\tentailment\n",
        "dev.tsv": "index\tquestion\tsentence\tlabel\n0\tWho?\tIn 1991.\tnot_entailment\n",
    },
    "rte": {
        "train.tsv": f"{NLI}\n0\tIt rains.\tIt is wet.\tentailment\n",
        "dev.tsv": f"{NLI}\n0\tA.\tB.\tnot_entailment\n",
    },
    "wnli": {"train.tsv": f"{NLI}\n0\tHe saw it.\tHe saw the cup.\t1\n", "dev.tsv": f"{NLI}\n0\tE.\tF.\t0\n"},
}
EXPECTED = {
    "sst2": (["sentence"], [0, 1]),
    "mrpc": (["sentence1", "sentence2"], [1, 0]),
    "qqp": (["question1", "question2"], [0, 1]),
    "stsb": (["sentence1", "sentence2"], [5.0, 0.25]),
    "mnli": (["sentence1", "sentence2"], ["entailment", "neutral"]),
    "mnli_mm": (["sentence1", "sentence2"], ["entailment", "contradiction"]),
    "qnli": (["question", "sentence"], ["entailment", "not_entailment"]),
    "rte": (["sentence1", "sentence2"], ["entailment", "not_entailment"]),
    "wnli": (["sentence1", "sentence2"], [1, 0]),
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_bytes(text.encode())
    return folder


def test_every_task_is_tried() -> None:
    assert set(FILES) == set(EXPECTED) == set(glue.CARDS)


@pytest.mark.parametrize("task", FILES)
def test_official_layout(task: str, tmp_path: Path) -> None:
    data = glue.read(written(tmp_path, FILES[task]), task)
    texts, labels = EXPECTED[task]
    assert data.frame.columns.tolist() == [*texts, data.card.target, PART]
    assert data.frame[data.card.target].tolist() == labels
    assert data.frame[PART].tolist() == ["train", "test"]
    assert data.card.name == f"glue/{task}"


def test_quotation_marks_stay(tmp_path: Path) -> None:
    frame = glue.read(written(tmp_path, FILES["mrpc"]), "mrpc").frame
    assert frame["sentence1"].tolist() == ['A "b.', "E."]


def test_mrpc_in_the_files_of_microsoft(tmp_path: Path) -> None:
    files = {
        "msr_paraphrase_train.txt": f"\ufeff{MSR}\n1\t7\t8\tX.\tY.\n",
        "msr_paraphrase_test.txt": f"{MSR}\n0\t1\t2\tV.\tW.\n",
    }
    assert glue.read(written(tmp_path, files), "mrpc").frame["sentence1"].tolist() == ["X.", "V."]


def test_mrpc_never_mixes_the_two_layouts(tmp_path: Path) -> None:
    """Microsoft's training file holds GLUE's development pairs."""
    files = {
        "msr_paraphrase_train.txt": f"{MSR}\n1\t7\t8\tX.\tY.\n",
        "msr_paraphrase_test.txt": f"{MSR}\n0\t1\t2\tV.\tW.\n",
    }
    written(tmp_path, files | {"dev.tsv": FILES["mrpc"]["dev.tsv"]})
    assert glue.read(tmp_path, "mrpc").frame["sentence1"].tolist() == ["X.", "V."]
    written(tmp_path, FILES["mrpc"])
    assert glue.read(tmp_path, "mrpc").frame["sentence1"].tolist() == ['A "b.', "E."]


def test_a_malformed_line_is_named(tmp_path: Path) -> None:
    broken = FILES["qqp"] | {"train.tsv": f"{QQP}\n1\t2\t3\tWhy?\tHow?\t0\n2\t5\t6\tcut\n"}
    with pytest.raises(DataError, match=r"train\.tsv: 1 of 2 lines do not have 6 cells \(lines 3\)"):
        glue.read(written(tmp_path, broken), "qqp")


@pytest.mark.parametrize(
    ("task", "file", "text", "message"),
    [
        (
            "rte",
            "dev.tsv",
            f"{NLI}\n0\tA.\tB.\tentailment\n1\tA.\tB.\tmaybe\n",
            "line 3: label 'maybe'; expected entailment",
        ),
        (
            "stsb",
            "dev.tsv",
            FILES["stsb"]["dev.tsv"].replace("0.250", "5.25"),
            "line 2: score '5.25'; expected a number",
        ),
        ("stsb", "dev.tsv", FILES["stsb"]["dev.tsv"].replace("0.250", "high"), "line 2: score 'high'"),
        ("sst2", "dev.tsv", "index\tsentence\n0\tuneasy\n", "no column 'label'; found 'index', 'sentence'"),
        ("wnli", "dev.tsv", "", "no row"),
    ],
)
def test_wrong_files(task: str, file: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        glue.read(written(tmp_path, FILES[task] | {file: text}), task)


def test_missing_file_and_unknown_task(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train\.tsv: no such file"):
        glue.read(tmp_path, "mrpc")
    with pytest.raises(OptionError, match="did you mean 'sst2'"):
        glue.read(tmp_path, "sst")


def test_scores_are_those_of_the_libraries() -> None:
    draw = np.random.default_rng(1)
    truth, answer = draw.integers(0, 2, 50), draw.integers(0, 2, 50)
    found = glue.scores("qqp", truth, answer)
    f1, accuracy = f1_score(truth, answer), accuracy_score(truth, answer)
    assert found == pytest.approx({"f1": f1, "accuracy": accuracy, "mean": (f1 + accuracy) / 2})
    values = draw.normal(size=50)
    found = glue.scores("stsb", values, values**3)
    assert found["spearman"] == pytest.approx(1.0)
    assert found["pearson"] == pytest.approx(stats.pearsonr(values, values**3)[0])
    assert glue.scores("rte", np.array(["a", "b"]), np.array(["a", "a"])) == {"accuracy": 0.5, "mean": 0.5}
