"""From a table to a service: fit, serve, ask by HTTP and by a client of Triton, explain.

Run it with `make demo-serve`, or `python examples/serve.py [SECONDS]`; `--stay` keeps the service running. The films
are those of `make demo`.
"""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
from demo import films

import autoglm

OUTPUT = Path("demo-output/served")
HTTP, GRPC, METRICS = 8000, 8001, 9090


def ask(path: str, body: dict | None = None) -> dict:
    """Ask the service by HTTP."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{HTTP}{path}", data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def wait(process: subprocess.Popen) -> None:
    """Wait until the service is ready."""
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit("the service did not start: is one of its ports in use?")
        try:
            if ask("/v2/health/ready")["ready"]:
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the service is not ready after a minute")


def by_triton(rows: pd.DataFrame) -> list[str]:
    """Ask by gRPC, with NVIDIA's client for Triton as it is."""
    import tritonclient.grpc as triton

    inputs = []
    for name in rows.columns:
        number = pd.api.types.is_numeric_dtype(rows[name])
        values = [b"" if pd.isna(v) else str(v).encode() for v in rows[name]]
        data = rows[name].to_numpy(np.float64) if number else np.array(values, dtype=object)
        inputs.append(triton.InferInput(name, [len(rows)], "FP64" if number else "BYTES"))
        inputs[-1].set_data_from_numpy(data)
    found = triton.InferenceServerClient(f"127.0.0.1:{GRPC}").infer("films", inputs)
    return [label.decode() for label in found.as_numpy("label")]


def main() -> None:
    """Fit, serve, ask."""
    numbers = [float(word) for word in sys.argv[1:] if word != "--stay"]
    table = films()
    train, new = table.iloc[:-3], table.iloc[-3:].drop(columns="verdict")
    predictor = autoglm.AutoML(seconds=numbers[0] if numbers else 20).fit(train, target="verdict")
    predictor.save(OUTPUT)
    ports = ["--http", str(HTTP), "--grpc", str(GRPC), "--metrics", str(METRICS)]
    command = [sys.executable, "-m", "autoglm", "serve", str(OUTPUT), "--name", "films", *ports]
    process = subprocess.Popen(command)
    try:
        wait(process)
        used = new[predictor.columns]
        rows = json.loads(used.to_json(orient="records", date_format="iso"))
        answers = ask("/predict", {"rows": rows})
        print(f"\nHTTP  {', '.join(answers['answers'])}   (version {answers['version']})")
        print(f"gRPC  {', '.join(by_triton(used))}   (NVIDIA's client for Triton)")
        why = ask("/explain", {"rows": rows[:1]})
        values = zip(why["columns"], (value[0] for value in why["rows"][0]["values"]), strict=True)
        print(f"\nWhy {new['Title'].iloc[0]!r} is {answers['answers'][0]} ({why['unit']} of {why['names'][0]}):")
        for name, value in sorted(values, key=lambda item: -abs(item[1]))[:5]:
            print(f"  {value:+.3f}  {name} = {str(rows[0][name])[:60]}")
        print(f"\nTry a row: http://127.0.0.1:{HTTP}/   meters: http://127.0.0.1:{METRICS}/metrics")
        if "--stay" in sys.argv:
            process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


if __name__ == "__main__":
    main()
