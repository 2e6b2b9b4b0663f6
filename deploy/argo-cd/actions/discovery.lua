-- Which actions a PipelineRun offers. A finished one never changes again.
local status = obj.status or {}
local going = status.completionTime == nil
local suspended = obj.spec.suspend == true
local shutdown = obj.spec.shutdown

return {
  suspend = { disabled = not going or suspended or shutdown ~= nil },
  resume = { disabled = not going or not suspended },
  drain = { disabled = not going or shutdown ~= nil },
  terminate = { disabled = not going or shutdown == "Terminate" },
}
