"""The Double U-Net and what it is compared with: regimes, their scores, tables and pictures."""
