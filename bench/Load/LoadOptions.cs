using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Evergrain.Load;

/// <summary>What the command line asks for.</summary>
internal sealed record LoadOptions
{
    public const string Usage = """
        usage: Load turns|forks|memory|sockets|added|upstream|overload|all [options]
          --quick              a fifth of the turns or less: to see that it works, not to quote
          --answer-bytes N     turns: bytes of the model's own item; default 0, a short tool call
          --server PATH        evergrain.dll; default: the one that was built with this program
          --data DIR           where the server's data directory is made, on the disk to measure; default: here
        """;

    private static readonly string[] AllQuestions =
        ["turns", "forks", "memory", "sockets", "added", "upstream", "overload"];

    /// <summary>What is to be answered, in order.</summary>
    public required IReadOnlyList<string> Questions { get; init; }

    /// <summary>Whether counts are reduced.</summary>
    public bool IsQuick { get; init; }

    /// <summary>Bytes of argument text in the model's tool call; 0: a few dozen.</summary>
    public int AnswerBytes { get; init; }

    /// <summary>The server's assembly.</summary>
    public string Server { get; init; } = FindServer();

    /// <summary>The server's settings by name; a question sets its own.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>The directory in which the server's data directory is made.</summary>
    public string Data { get; init; } = Directory.GetCurrentDirectory();

    /// <summary>The arguments as they came.</summary>
    public string Line { get; init; } = string.Empty;

    /// <summary>A count, or a fifth of it in a quick run.</summary>
    public int Count(int full) => IsQuick ? Math.Max(1, full / 5) : full;

    public static bool TryParse(string[] args, [NotNullWhen(true)] out LoadOptions? options, out string mistake)
    {
        (options, mistake) = (null, "What is to be measured?");
        if (args.Length == 0 || (args[0] != "all" && !AllQuestions.Contains(args[0], StringComparer.Ordinal)))
        {
            return false;
        }

        var read = new LoadOptions
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
                case "--answer-bytes" when int.TryParse(value, CultureInfo.InvariantCulture, out var bytes):
                    read = read with { AnswerBytes = bytes };
                    break;
                case "--server" when value.Length > 0:
                    read = read with { Server = Path.GetFullPath(value) };
                    break;
                case "--data" when value.Length > 0:
                    read = read with { Data = Path.GetFullPath(value) };
                    break;
                default:
                    mistake = $"'{args[i]} {value}' is not understood.";
                    return false;
            }

            i++;
        }

        mistake = File.Exists(read.Server) ? string.Empty : $"There is no server at '{read.Server}'.";
        options = mistake.Length == 0 ? read : null;
        return options is not null;
    }

    /// <summary>The server of the same checkout and configuration as this program.</summary>
    private static string FindServer()
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        var (framework, configuration) = (own.Name, own.Parent?.Name ?? "Release");
        for (var root = own; root is not null; root = root.Parent)
        {
            if (File.Exists(Path.Combine(root.FullName, "Orleans.sln")))
            {
                return Path.Combine(root.FullName, "src", "Cli", "bin", configuration, framework, "evergrain.dll");
            }
        }

        return "evergrain.dll";
    }
}
