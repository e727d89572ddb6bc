using Evergrain.Silo;

return await EvergrainCommand.InvokeAsync(args);
