using System.Diagnostics;

namespace Evergrain.Cluster.Tests.Kubernetes;

/// <summary>Programs that tests run to their end.</summary>
internal static class Command
{
    /// <summary>Runs one, in the root of the repository unless a folder is given.</summary>
    /// <returns>What it wrote to stdout.</returns>
    /// <exception cref="InvalidOperationException">It failed; the message holds all that it wrote.</exception>
    public static async Task<string> RunAsync(IReadOnlyList<string> command, CancellationToken cancellationToken,
        string? folder = null)
    {
        using var process = Process.Start(new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = folder ?? Repository.Root,
        })!;
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0 ? output : throw new InvalidOperationException(
            $"{string.Join(' ', command)} ended with {process.ExitCode}: {await errors}{output}");
    }
}
