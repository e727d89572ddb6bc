using System.Diagnostics.CodeAnalysis;
using Evergrain.Tests.Services;

namespace Evergrain.Cluster;

/// <summary>What the command line asks for.</summary>
internal sealed record ClusterOptions
{
    private const string Usage = """
        usage: Cluster events|turns|activation|moves|wire|memory|all [options]
          --quick              a fifth of the samples or less: to see that it works, not to quote
          --silo PATH          evergrain-silo.dll; default: the one of this checkout
          --server PATH        evergrain.dll, which the cluster is compared with; default: the one of this checkout
          --data DIR           where a private PostgreSQL has its data, on the disk to measure; default: here
        """;

    private static readonly string[] AllQuestions = ["events", "turns", "activation", "moves", "wire", "memory"];

    /// <summary>What is to be answered, in order.</summary>
    public required IReadOnlyList<string> Questions { get; init; }

    /// <summary>Whether counts are reduced.</summary>
    public bool IsQuick { get; init; }

    /// <summary>The cluster's assembly.</summary>
    public string Silo { get; init; } = Find("Silo", "evergrain-silo.dll");

    /// <summary>The embedded server's assembly.</summary>
    public string Server { get; init; } = Find("Cli", "evergrain.dll");

    /// <summary>The directory in which data directories are made.</summary>
    public string Data { get; init; } = Directory.GetCurrentDirectory();

    /// <summary>The arguments as they came.</summary>
    public string Line { get; init; } = string.Empty;

    /// <summary>A count, or a fifth of it in a quick run.</summary>
    public int Count(int full) => IsQuick ? Math.Max(1, full / 5) : full;

    public static bool TryParse(string[] args, [NotNullWhen(true)] out ClusterOptions? options, out string mistake)
    {
        (options, mistake) = (null, "What is to be measured?" + Environment.NewLine + Usage);
        if (args.Length == 0 || (args[0] != "all" && !AllQuestions.Contains(args[0], StringComparer.Ordinal)))
        {
            return false;
        }

        var read = new ClusterOptions
        {
            Questions = args[0] == "all" ? AllQuestions : [args[0]],
            Line = string.Join(' ', args),
        };
        for (var i = 1; i < args.Length; i++)
        {
            var value = i + 1 < args.Length ? args[i + 1] : string.Empty;
            switch (args[i])
            {
                case "--quick":
                    read = read with { IsQuick = true };
                    continue;
                case "--silo" when value.Length > 0:
                    read = read with { Silo = Path.GetFullPath(value) };
                    break;
                case "--server" when value.Length > 0:
                    read = read with { Server = Path.GetFullPath(value) };
                    break;
                case "--data" when Directory.Exists(value):
                    read = read with { Data = Path.GetFullPath(value) };
                    break;
                default:
                    mistake = $"'{args[i]} {value}' is not understood." + Environment.NewLine + Usage;
                    return false;
            }

            i++;
        }

        mistake = read.Missing();
        options = mistake.Length == 0 ? read : null;
        return options is not null;
    }

    /// <summary>What is not there, in one line.</summary>
    private string Missing() =>
        !File.Exists(Silo) ? $"There is no silo at '{Silo}': dotnet build src/Silo -c Release makes it."
        : !File.Exists(Server) ? $"There is no server at '{Server}': dotnet build src/Cli -c Release makes it."
        : PostgresBinaries.Find() is null ? "PostgreSQL is not installed, and a cluster's journal is in one."
        : string.Empty;

    /// <summary>A program of the same checkout and configuration as this one.</summary>
    private static string Find(string project, string assembly)
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        var (framework, configuration) = (own.Name, own.Parent?.Name ?? "Release");
        for (var root = own; root is not null; root = root.Parent)
        {
            if (File.Exists(Path.Combine(root.FullName, "Orleans.sln")))
            {
                return Path.Combine(root.FullName, "src", project, "bin", configuration, framework, assembly);
            }
        }

        return assembly;
    }
}
