using Evergrain.Journals;
using Evergrain.Journals.Questions;
using Evergrain.Load.Report;

if (args is [FirstRecovery.Verb, ..])
{
    await FirstRecovery.RunAsync(args, CancellationToken.None);
    return 0;
}

if (!JournalsOptions.TryParse(args, out var options, out var mistake))
{
    await Console.Error.WriteLineAsync(mistake + Environment.NewLine + JournalsOptions.Usage);
    return 2;
}

using var interrupted = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    interrupted.Cancel();
};
Machine.Print("bench/Journals", options.Line, options.Data);
var allReached = true;
foreach (var question in options.Questions)
{
    var verdicts = question switch
    {
        "appends" => await AppendsQuestion.AskAsync(options, interrupted.Token),
        "groups" => await GroupsQuestion.AskAsync(options, interrupted.Token),
        _ => await RecoveryQuestion.AskAsync(options, interrupted.Token),
    };
    allReached &= verdicts.Print();
}

return allReached ? 0 : 1;
