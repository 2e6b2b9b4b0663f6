-- Health of a PipelineRun, by the conditions that kstatus, Flux and `kubectl wait` read as well.
local function health(status, message)
  return { status = status, message = message }
end

local status = obj.status
if status == nil or status.phase == nil then
  return health("Progressing", "Waiting for the operator")
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local told = conditions["Succeeded"] or {}
local message = told.message or status.phase
if told.reason ~= nil then
  message = told.reason .. ": " .. message
end

if told.status == "True" then
  return health("Healthy", message)
end
if told.status == "False" then
  return health("Degraded", message)
end
if status.observedGeneration ~= nil and status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "Waiting for the operator to see the change")
end
if status.phase == "Suspended" then
  return health("Suspended", message)
end
return health("Progressing", message)
