-- End the run: its sources stop, and what is in flight reaches the sinks.
obj.spec.shutdown = "Drain"
return obj
