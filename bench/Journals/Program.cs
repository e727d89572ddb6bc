using Evergrain.Journals;
using Evergrain.Journals.Questions;

if (args is [FirstRecovery.Verb, ..])
{
    await FirstRecovery.RunAsync(args, CancellationToken.None);
    return 0;
}

return await JournalsOptions.RunAsync(args, static (question, options, cancellationToken) => question switch
{
    "appends" => AppendsQuestion.AskAsync(options, cancellationToken),
    "groups" => GroupsQuestion.AskAsync(options, cancellationToken),
    _ => RecoveryQuestion.AskAsync(options, cancellationToken),
});
