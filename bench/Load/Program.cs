using Evergrain.Load;
using Evergrain.Load.Questions;

if (args is [PostControl.Verb, _, _, _])
{
    await PostControl.RunAsync(args, CancellationToken.None);
    return 0;
}

return await LoadOptions.RunAsync(args, static (question, options, cancellationToken) => question switch
{
    "turns" => TurnsQuestion.AskAsync(options, cancellationToken),
    "forks" => ForksQuestion.AskAsync(options, cancellationToken),
    "added" => AddedQuestion.AskAsync(options, cancellationToken),
    "upstream" => UpstreamQuestion.AskAsync(options, cancellationToken),
    "overload" => OverloadQuestion.AskAsync(options, cancellationToken),
    "pair" => PairQuestion.AskAsync(options, cancellationToken),
    "pair-chat" => ChatPairQuestion.AskAsync(options, cancellationToken),
    "replay" => ReplayQuestion.AskAsync(options, cancellationToken),
    "watched" => WatchedQuestion.AskAsync(options, cancellationToken),
    "growth" => GrowthQuestion.AskAsync(options, cancellationToken),
    "memory" => MemoryQuestion.AskAsync(options, cancellationToken),
    _ => SocketsQuestion.AskAsync(options, cancellationToken),
});
