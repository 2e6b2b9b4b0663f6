"""The operator: kopf watches, the reconciler decides by the core, realisers do."""
