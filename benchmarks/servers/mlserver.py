# /// script
# dependencies = ["mlserver==1.7.1"]
# ///
"""MLServer with a model that adds up its numbers: what the server alone costs."""

import json
import os
import sys
from pathlib import Path

MODEL = """
import numpy as np
from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Sum(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        total = np.sum([np.asarray(i.data.root if hasattr(i.data, "root") else i.data) for i in payload.inputs], axis=0)
        output = ResponseOutput(name="value", shape=[len(total)], datatype="FP64", data=total.tolist())
        return InferenceResponse(model_name=self.name, outputs=[output])
"""

folder, port = Path(sys.argv[1]), int(sys.argv[2])
folder.joinpath("summing.py").write_text(MODEL)
settings = {
    "http_port": port + 1,
    "grpc_port": port,
    "metrics_port": port + 2,
    "host": "127.0.0.1",
    "parallel_workers": 0,
}
folder.joinpath("settings.json").write_text(json.dumps(settings))
folder.joinpath("model-settings.json").write_text(json.dumps({"name": "model", "implementation": "summing.Sum"}))
os.chdir(folder)
os.execv(str(Path(sys.executable).parent / "mlserver"), ["mlserver", "start", "."])
