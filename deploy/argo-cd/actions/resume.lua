-- Let a held run start anew.
obj.spec.suspend = false
return obj
