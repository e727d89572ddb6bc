using Evergrain.Frontend.Hosting;
using Evergrain.Silo;

return await ServerCommandLine.InvokeAsync(SiloCommand.Create(), args);
