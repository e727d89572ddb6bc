using Evergrain.Cluster;
using Evergrain.Cluster.Questions;
using Evergrain.Load.Report;

if (!ClusterOptions.TryParse(args, out var options, out var mistake))
{
    await Console.Error.WriteLineAsync(mistake);
    return 2;
}

using var interrupted = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    interrupted.Cancel();
};
Machine.Print("bench/Cluster", options.Line, options.Data);
var allReached = true;
foreach (var question in options.Questions)
{
    var verdicts = question switch
    {
        "events" => await EventsQuestion.AskAsync(options, interrupted.Token),
        "turns" => await TurnsQuestion.AskAsync(options, interrupted.Token),
        "activation" => await ActivationQuestion.AskAsync(options, interrupted.Token),
        "moves" => await MovesQuestion.AskAsync(options, interrupted.Token),
        "wire" => await WireQuestion.AskAsync(options, interrupted.Token),
        _ => await MemoryQuestion.AskAsync(options, interrupted.Token),
    };
    allReached &= verdicts.Print();
}

return allReached ? 0 : 1;
