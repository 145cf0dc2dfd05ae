"""The clinical kernel: deterministic medicine that a model can never override.

What has a published rule is computed here by tested code, from dated tables with their source
beside them. A model may explain a result; it never computes or overrules one.
"""
