using Evergrain.Cli;
using Evergrain.Frontend.Hosting;

return await ServerCommandLine.InvokeAsync(ServeCommand.Create(), args);
