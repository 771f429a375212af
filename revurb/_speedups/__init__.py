"""Compiled kernels only; no decisions are taken here."""
