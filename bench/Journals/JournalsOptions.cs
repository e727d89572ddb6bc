using System.Diagnostics.CodeAnalysis;

namespace Evergrain.Journals;

/// <summary>What the command line asks for.</summary>
internal sealed record JournalsOptions
{
    public const string Usage = """
        usage: Journals appends|groups|recovery|all [options]
          --journals LIST      of memory,sqlite,postgres; default: all three
          --postgres URL       the database to measure, in a schema that is dropped; default: a private PostgreSQL,
                               if one is installed
          --quick              a tenth of the samples: to see that it works, not to quote
          --data DIR           where data directories are made, on the disk to measure; default: here
        """;

    private static readonly string[] AllQuestions = ["appends", "groups", "recovery"];
    private static readonly string[] AllJournals = ["memory", "sqlite", "postgres"];

    /// <summary>What is to be answered, in order.</summary>
    public required IReadOnlyList<string> Questions { get; init; }

    /// <summary>The journals to measure, in order.</summary>
    public IReadOnlyList<string> Journals { get; init; } = AllJournals;

    /// <summary>The URL of the database to measure; null: a private one.</summary>
    public string? Postgres { get; init; }

    /// <summary>Whether counts are reduced.</summary>
    public bool IsQuick { get; init; }

    /// <summary>The directory in which data directories are made.</summary>
    public string Data { get; init; } = Directory.GetCurrentDirectory();

    /// <summary>The arguments as they came.</summary>
    public string Line { get; init; } = string.Empty;

    /// <summary>A count, or a tenth of it in a quick run.</summary>
    public int Count(int full) => IsQuick ? Math.Max(1, full / 10) : full;

    public static bool TryParse(string[] args, [NotNullWhen(true)] out JournalsOptions? options, out string mistake)
    {
        (options, mistake) = (null, "What is to be measured?");
        if (args.Length == 0 || (args[0] != "all" && !AllQuestions.Contains(args[0], StringComparer.Ordinal)))
        {
            return false;
        }

        var read = new JournalsOptions
        {
            Questions = args[0] == "all" ? AllQuestions : [args[0]],
            Line = string.Join(' ', args.Select((word, i) => i > 0 && args[i - 1] == "--postgres" ? "URL" : word)),
        };
        for (var i = 1; i < args.Length; i++)
        {
            var value = i + 1 < args.Length ? args[i + 1] : string.Empty;
            switch (args[i])
            {
                case "--quick":
                    read = read with { IsQuick = true };
                    continue;
                case "--journals" when value.Split(',') is var named && !named.Except(AllJournals).Any():
                    read = read with { Journals = named };
                    break;
                case "--postgres" when value.Length > 0:
                    read = read with { Postgres = value };
                    break;
                case "--data" when Directory.Exists(value):
                    read = read with { Data = Path.GetFullPath(value) };
                    break;
                default:
                    mistake = $"'{args[i]} {value}' is not understood.";
                    return false;
            }

            i++;
        }

        (options, mistake) = (read, string.Empty);
        return true;
    }
}
