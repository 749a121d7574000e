"""Training with PyTorch: the loop that fusion and fine-tuning share. An extra: ``pip install 'open-autoglm[deep]'``."""
