using System.Diagnostics;
using System.Globalization;
using Evergrain.Conversations.Ids;
using Evergrain.Journals.Stores;
using Evergrain.Journals.Turns;

namespace Evergrain.Journals.Questions;

/// <summary>
/// The first conversation that a process brings back, when the runtime has compiled nothing yet: measured in processes
/// of their own, with the file in the operating system's cache and without.
/// </summary>
internal static class FirstRecovery
{
    /// <summary>The first argument of such a process.</summary>
    public const string Verb = "first";

    private const int Processes = 3;

    /// <summary>Closes the journal and has new processes open it, each for one of the conversations.</summary>
    public static async Task<IEnumerable<string>> MeasureAsync(SqliteStore store, IEnumerable<ConversationKey> keys,
        int items, CancellationToken cancellationToken)
    {
        await store.Journal.DisposeAsync();
        var lines = new List<string>();
        foreach (var group in keys.Take(2 * Processes).Chunk(Processes))
        {
            var isCached = lines.Count == 0;
            var results = new List<string>();
            foreach (var key in group)
            {
                if (!isCached)
                {
                    var database = Directory.GetFiles(store.Folder, "*.db").Single();
                    await RunAsync("dd", [$"if={database}", "iflag=nocache", "count=0", "status=none"],
                        cancellationToken);
                }

                results.Add((await RunAsync(Environment.ProcessPath!,
                    [Verb, store.Folder, key.Id.Code, items.ToString(CultureInfo.InvariantCulture)],
                    cancellationToken)).Trim());
            }

            lines.Add($"SQLite: the first {items:#,0} items of a new process, the file {(isCached ? "" : "not ")}in " +
                $"the system's cache: {string.Join(", ", results)} ms.");
        }

        return lines;
    }

    /// <summary>What such a process does.</summary>
    public static async Task RunAsync(string[] args, CancellationToken cancellationToken)
    {
        var id = ConversationId.TryParseCode(args[2], out var parsed) ? parsed : throw new FormatException(args[2]);
        await using var journal = await SqliteStore.OpenJournalAsync(args[1], cancellationToken);
        var back = await Recovery.RunAsync(journal, new ConversationKey("bench", id),
            int.Parse(args[3], CultureInfo.InvariantCulture), cancellationToken);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{back.TotalMs:0}"));
    }

    private static async Task<string> RunAsync(string program, string[] args, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, UseShellExecute = false };
        Array.ForEach(args, start.ArgumentList.Add);
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} failed.");
    }
}
