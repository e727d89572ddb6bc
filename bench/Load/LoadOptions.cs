using System.CommandLine;
using Evergrain.Load.Report;

namespace Evergrain.Load;

/// <summary>What the command line asks for.</summary>
internal sealed record LoadOptions
{
    /// <summary>Whether counts are reduced.</summary>
    public bool IsQuick { get; init; }

    /// <summary>Bytes of argument text in the model's tool call; 0: a few dozen.</summary>
    public int AnswerBytes { get; init; }

    /// <summary>The server's assembly.</summary>
    public required string Server { get; init; }

    /// <summary>pair, pair-chat, replay: the other server's assembly; null: none was given.</summary>
    public string? Other { get; init; }

    /// <summary>The PostgreSQL database or the Azure account that holds the journal; null: a file of SQLite.</summary>
    public string? JournalUrl { get; init; }

    /// <summary>pair: the other server's database.</summary>
    public string? OtherJournalUrl { get; init; }

    /// <summary>The server's settings by name; a question sets its own.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>Where the server exports spans and metrics to, by OTLP over HTTP; null: nowhere.</summary>
    public string? Collector { get; init; }

    /// <summary>The directory in which the server's data directory is made.</summary>
    public required string Data { get; init; }

    /// <summary>Asks what the arguments name, and returns the exit code.</summary>
    public static Task<int> RunAsync(string[] arguments,
        Func<string, LoadOptions, CancellationToken, Task<Verdicts>> ask)
    {
        var answerBytes = new Option<int>("--answer-bytes")
        {
            Description = "turns: bytes of the model's own item; default 0, a short tool call.",
            HelpName = "N",
        };
        var server = new Option<string>("--server")
        {
            Description = "evergrain.dll; default: the one that was built with this program.",
            HelpName = "PATH",
        };
        var other = new Option<string>("--other")
        {
            Description = "pair, pair-chat, replay: evergrain.dll of the build to stand beside.",
            HelpName = "PATH",
        };
        var journal = new Option<string>("--journal-url")
        {
            Description = "An empty PostgreSQL database for the journal; growth: or a connection string of Azure " +
                "Storage; default: a file of SQLite.",
            HelpName = "URL",
        };
        var otherJournal = new Option<string>("--other-journal-url")
        {
            Description = "pair: a second one, for the other build.",
            HelpName = "URL",
        };
        var command = new QuestionsCommand("bench/Load", "Measures the server as one process.",
            "turns", "forks", "memory", "sockets", "added", "upstream", "overload", "pair", "pair-chat", "replay",
            "watched", "growth")
        {
            answerBytes,
            server,
            other,
            journal,
            otherJournal,
        };
        command.Validators.Add(line =>
        {
            var path = line.GetValue(server) ?? FindServer();
            if (!File.Exists(path))
            {
                line.AddError($"There is no server at '{path}'.");
            }

            if (line.GetValue(other) is null && line.Tokens.Any(static token => token.Value is "pair" or "pair-chat"))
            {
                line.AddError("Give --other: the build to stand beside.");
            }
        });
        return command.RunAsync(arguments, line => new LoadOptions
        {
            IsQuick = command.IsQuick(line),
            AnswerBytes = line.GetValue(answerBytes),
            Server = Path.GetFullPath(line.GetValue(server) ?? FindServer()),
            Other = line.GetValue(other),
            JournalUrl = line.GetValue(journal),
            OtherJournalUrl = line.GetValue(otherJournal),
            Data = command.Data(line),
        }, ask);
    }

    /// <summary>A count, or a fifth of it in a quick run.</summary>
    public int Count(int full) => IsQuick ? Math.Max(1, full / 5) : full;

    /// <summary>The server of the same checkout and configuration as this program.</summary>
    private static string FindServer()
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
