-- End the run within its grace period.
obj.spec.shutdown = "Terminate"
return obj
