using System.CommandLine;

namespace Evergrain.Silo.Commands;

/// <summary><c>evergrain verify ID</c>: compares a conversation with its journal.</summary>
internal static class VerifyCommand
{
    private static readonly Argument<string> Id = IdArgument.Create();

    public static Command Create()
    {
        var command = new Command("verify", """
            Rebuilds a conversation from its journal, and compares the digest of each turn with the one in memory.
            With --data it compares what the file gives with the digests that the file holds. The exit code is 1 where
            they differ.

            Examples:
              evergrain verify conv_7Il8WAe0LM8iB22NlW8Chu
              evergrain verify conv_7Il8WAe0LM8iB22NlW8Chu --data ./data --json
            """) { Id };
        command.AddSource();
        command.SetRun(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult line, CancellationToken cancellationToken)
    {
        var id = IdArgument.Read(line.GetRequiredValue(Id));
        await using var source = line.OpenSource();
        var verification = await source.VerifyAsync(id, cancellationToken);
        var isEqual = verification.IsTrue("is_equal");
        if (line.GetValue(SourceFlags.Json))
        {
            Terminal.Write(verification);
            return isEqual ? 0 : 1;
        }

        if (isEqual)
        {
            Console.WriteLine($"{id}: {Terminal.Count(verification.Number("turns"))} turns compared, all digests are " +
                "equal.");
            return 0;
        }

        var different = verification.List("different").Select(static one => one.GetString());
        Console.WriteLine(Terminal.Safe(verification.Text("fault") is { } fault
            ? $"{id}: the journal cannot be read: {fault}"
            : $"{id}: the journal gives other digests for {string.Join(", ", different)}."));
        return 1;
    }
}
