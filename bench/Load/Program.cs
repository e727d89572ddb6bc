using Evergrain.Load;
using Evergrain.Load.Questions;
using Evergrain.Load.Report;

if (args is [PostControl.Verb, _, _, _])
{
    await PostControl.RunAsync(args, CancellationToken.None);
    return 0;
}

if (!LoadOptions.TryParse(args, out var options, out var mistake))
{
    await Console.Error.WriteLineAsync(mistake + Environment.NewLine + LoadOptions.Usage);
    return 2;
}

using var interrupted = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    interrupted.Cancel();
};
Machine.Print("bench/Load", options.Line, options.Data);
var allReached = true;
foreach (var question in options.Questions)
{
    var verdicts = question switch
    {
        "turns" => await TurnsQuestion.AskAsync(options, interrupted.Token),
        "forks" => await ForksQuestion.AskAsync(options, interrupted.Token),
        "added" => await AddedQuestion.AskAsync(options, interrupted.Token),
        "upstream" => await UpstreamQuestion.AskAsync(options, interrupted.Token),
        "overload" => await OverloadQuestion.AskAsync(options, interrupted.Token),
        "memory" => await MemoryQuestion.AskAsync(options, interrupted.Token),
        _ => await SocketsQuestion.AskAsync(options, interrupted.Token),
    };
    allReached &= verdicts.Print();
}

return allReached ? 0 : 1;
