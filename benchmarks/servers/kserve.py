# /// script
# dependencies = ["kserve==0.21.0"]
# ///
"""KServe with a model that adds up its numbers: what the server alone costs."""

import sys

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


class Sum(Model):
    def load(self) -> bool:
        self.ready = True
        return True

    async def predict(self, payload: InferRequest, headers=None, response_headers=None) -> InferResponse:
        total = np.sum([each.as_numpy() for each in payload.inputs], axis=0)
        output = InferOutput("value", list(total.shape), "FP64", data=total.tolist())
        return InferResponse(payload.id or "", self.name, [output])


port = int(sys.argv[2])
model = Sum("model")
model.load()
ModelServer(http_port=port + 1, grpc_port=port, enable_grpc=True, workers=1).start([model])
