using System.CommandLine;
using Evergrain.Cli;

var line = ServeCommand.Create().Parse(args);
if (line.Errors.Count > 0)
{
    await Console.Error.WriteLineAsync(string.Join(' ', line.Errors.Select(static error => error.Message)));
    return 1;
}

// The host itself answers SIGTERM, and a drain takes as long as DrainTimeout allows.
return await line.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
