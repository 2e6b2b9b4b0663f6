"""What users write and read: resource types, names, validation, CRD generation. Pure, no I/O."""
