using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>
/// What does a history cost that is sent again? An agent's loop by id and resent, beside the same client without a
/// gateway; then a history of 1,000 items with one new item, beside another build that recognises none; then a crowd
/// with one history.
/// </summary>
internal static class ReplayQuestion
{
    public static async Task<Verdicts> AskAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## replay: histories that are sent again");
        Console.WriteLine();
        using var model = new CallingUpstream();
        model.Start();
        string[] arguments = ["--model-url", model.Url, "--model-api", "chat"];

        // A build that recognises nothing keeps a conversation of 2 MB for each turn.
        var bounded = new Dictionary<string, string>(options.Settings) { ["WarmBytesMax"] = "268435456" };
        var recognising = options with
        {
            Settings = new Dictionary<string, string>(bounded) { ["Recognition"] = "all" },
        };
        var verdicts = new Verdicts();
        await using var own = await recognising.StartServerAsync(arguments, cancellationToken);
        await using var before = options.Other is { } build
            ? await (options with { Server = build, Settings = bounded }).StartServerAsync(arguments, cancellationToken)
            : null;
        await new ReplayLoops(options, own, before, model).AskAsync(verdicts, cancellationToken);
        if (before is null)
        {
            Console.WriteLine("Long histories are not measured, since --other names no build.");
        }
        else
        {
            await new ReplayHistories(options, model).AskAsync(own, before, verdicts, cancellationToken);
        }

        await using var demo = await recognising.StartServerAsync(cancellationToken);
        using var crowd = new ReplayCrowd(options);
        await crowd.AskAsync(demo, verdicts, cancellationToken);
        Console.WriteLine($"Load at the end: {Machine.Load()}.");
        Console.WriteLine();
        return verdicts;
    }
}
