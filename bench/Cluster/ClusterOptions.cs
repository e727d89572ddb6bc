using System.CommandLine;
using Evergrain.Load.Report;
using Evergrain.Tests.Services;

namespace Evergrain.Cluster;

/// <summary>What the command line asks for.</summary>
internal sealed record ClusterOptions
{
    /// <summary>Whether counts are reduced.</summary>
    public bool IsQuick { get; init; }

    /// <summary>The cluster's assembly.</summary>
    public required string Silo { get; init; }

    /// <summary>The embedded server's assembly.</summary>
    public required string Server { get; init; }

    /// <summary>The directory in which data directories are made.</summary>
    public required string Data { get; init; }

    /// <summary>Asks what the arguments name, and returns the exit code.</summary>
    public static Task<int> RunAsync(string[] arguments,
        Func<string, ClusterOptions, CancellationToken, Task<Verdicts>> ask)
    {
        var silo = new Option<string>("--silo")
        {
            Description = "The cluster's evergrain.dll; default: the one of this checkout.",
            HelpName = "PATH",
        };
        var server = new Option<string>("--server")
        {
            Description = "The evergrain.dll that the cluster is compared with; default: the one of this checkout.",
            HelpName = "PATH",
        };
        var command = new QuestionsCommand("bench/Cluster", "Measures what a cluster costs.",
            "events", "turns", "activation", "tls", "moves", "wire", "memory", "pair", "pair-drain") { silo, server };
        command.Validators.Add(line =>
        {
            if (Missing(line.GetValue(silo) ?? Find(), line.GetValue(server) ?? Find()) is { } missing)
            {
                line.AddError(missing);
            }
        });
        return command.RunAsync(arguments, line => new ClusterOptions
        {
            IsQuick = command.IsQuick(line),
            Silo = Path.GetFullPath(line.GetValue(silo) ?? Find()),
            Server = Path.GetFullPath(line.GetValue(server) ?? Find()),
            Data = command.Data(line),
        }, ask);
    }

    /// <summary>A count, or a fifth of it in a quick run.</summary>
    public int Count(int full) => IsQuick ? Math.Max(1, full / 5) : full;

    /// <summary>What is not there, in one line; null: nothing.</summary>
    private static string? Missing(string silo, string server) =>
        !File.Exists(silo) ? $"There is no silo at '{silo}': dotnet build src/Silo -c Release makes it."
        : !File.Exists(server) ? $"There is no server at '{server}': dotnet build src/Silo -c Release makes it."
        : PostgresBinaries.Find() is null ? "PostgreSQL is not installed, and a cluster's journal is in one."
        : null;

    /// <summary>A program of the same checkout and configuration as this one.</summary>
    private static string Find()
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        var (framework, configuration) = (own.Name, own.Parent?.Name ?? "Release");
        for (var root = own; root is not null; root = root.Parent)
        {
            if (File.Exists(Path.Combine(root.FullName, "Orleans.sln")))
            {
                return Path.Combine(root.FullName, "src", "Silo", "bin", configuration, framework, "evergrain.dll");
            }
        }

        return "evergrain.dll";
    }
}
