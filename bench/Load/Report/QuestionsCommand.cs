using System.CommandLine;

namespace Evergrain.Load.Report;

/// <summary>The command line of a benchmark: a question, or all of them, and the options of all benchmarks.</summary>
internal sealed class QuestionsCommand : RootCommand
{
    // After Ctrl+C a question stops what it started within this time: servers, a private PostgreSQL.
    private static readonly InvocationConfiguration Invocation = new()
    {
        ProcessTerminationTimeout = TimeSpan.FromMinutes(1),
    };

    private readonly Argument<string> _question = new("question") { Description = "What is to be measured." };

    private readonly Option<bool> _quick = new("--quick")
    {
        Description = "A fifth of the samples or less: to see that it works, not to quote.",
    };

    private readonly Option<DirectoryInfo> _data = new Option<DirectoryInfo>("--data")
    {
        Description = "Where data directories are made, on the disk to measure; default: here.",
        HelpName = "DIR",
    }.AcceptExistingOnly();

    private readonly string _project;
    private readonly string[] _questions;

    public QuestionsCommand(string project, string description, params string[] questions)
        : base(description)
    {
        (_project, _questions) = (project, questions);
        _question.AcceptOnlyFromAmong([.. questions, "all"]);
        Add(_question);
        Add(_quick);
        Add(_data);
    }

    /// <summary>Whether counts are reduced.</summary>
    public bool IsQuick(ParseResult line) => line.GetValue(_quick);

    /// <summary>The directory in which data directories are made.</summary>
    public string Data(ParseResult line) => line.GetValue(_data)?.FullName ?? Directory.GetCurrentDirectory();

    /// <summary>Asks what the arguments name, in order.</summary>
    /// <param name="arguments">The program's.</param>
    /// <param name="read">Reads the options.</param>
    /// <param name="ask">Asks one question.</param>
    /// <returns>The exit code: 0 if every goal was reached.</returns>
    public Task<int> RunAsync<T>(string[] arguments, Func<ParseResult, T> read,
        Func<string, T, CancellationToken, Task<Verdicts>> ask)
    {
        SetAction(async (line, cancellationToken) =>
        {
            var options = read(line);
            Machine.Print(_project, Shown(line), Data(line));
            var allReached = true;
            foreach (var question in line.GetValue(_question) is "all" ? _questions : [line.GetValue(_question)!])
            {
                allReached &= (await ask(question, options, cancellationToken)).Print();
            }

            return allReached ? 0 : 1;
        });
        return Parse(arguments).InvokeAsync(Invocation, CancellationToken.None);
    }

    // A database's URL may hold a password.
    private static string Shown(ParseResult line) => string.Join(' ', line.Tokens.Select(static token =>
        token.Value.Contains("://", StringComparison.Ordinal) ? "URL" : token.Value));
}
