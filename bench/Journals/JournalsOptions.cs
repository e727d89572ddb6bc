using System.CommandLine;
using Evergrain.Load.Report;

namespace Evergrain.Journals;

/// <summary>What the command line asks for.</summary>
internal sealed record JournalsOptions
{
    private static readonly string[] AllJournals = ["memory", "sqlite", "postgres"];

    /// <summary>The journals to measure, in order.</summary>
    public required IReadOnlyList<string> Journals { get; init; }

    /// <summary>The URL of the database to measure; null: a private one.</summary>
    public string? Postgres { get; init; }

    /// <summary>Whether counts are reduced.</summary>
    public bool IsQuick { get; init; }

    /// <summary>The directory in which data directories are made.</summary>
    public required string Data { get; init; }

    /// <summary>Asks what the arguments name, and returns the exit code.</summary>
    public static Task<int> RunAsync(string[] arguments,
        Func<string, JournalsOptions, CancellationToken, Task<Verdicts>> ask)
    {
        var journals = new Option<string>("--journals")
        {
            Description = "Some of memory,sqlite,postgres; default: all three.",
            HelpName = "LIST",
        };
        journals.Validators.Add(static given =>
        {
            if (given.Tokens.SelectMany(static list => list.Value.Split(',')).Except(AllJournals).Any())
            {
                given.AddError($"--journals takes some of {string.Join(',', AllJournals)}.");
            }
        });
        var postgres = new Option<string>("--postgres")
        {
            Description = "The database to measure, in a schema that is dropped; default: a private PostgreSQL, if " +
                "one is installed.",
            HelpName = "URL",
        };
        var command = new QuestionsCommand("bench/Journals", "Measures the journals inside this process.",
            "appends", "groups", "recovery") { journals, postgres };
        return command.RunAsync(arguments, line => new JournalsOptions
        {
            Journals = line.GetValue(journals)?.Split(',') ?? AllJournals,
            Postgres = line.GetValue(postgres),
            IsQuick = command.IsQuick(line),
            Data = command.Data(line),
        }, ask);
    }

    /// <summary>A count, or a tenth of it in a quick run.</summary>
    public int Count(int full) => IsQuick ? Math.Max(1, full / 10) : full;
}
