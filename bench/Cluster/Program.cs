using Evergrain.Cluster;
using Evergrain.Cluster.Questions;

return await ClusterOptions.RunAsync(args, static (question, options, cancellationToken) => question switch
{
    "events" => EventsQuestion.AskAsync(options, cancellationToken),
    "turns" => TurnsQuestion.AskAsync(options, cancellationToken),
    "activation" => ActivationQuestion.AskAsync(options, cancellationToken),
    "tls" => TlsQuestion.AskAsync(options, cancellationToken),
    "moves" => MovesQuestion.AskAsync(options, cancellationToken),
    "pair" => PairQuestion.AskAsync(options, cancellationToken),
    "pair-drain" => PairDrainQuestion.AskAsync(options, cancellationToken),
    "wire" => WireQuestion.AskAsync(options, cancellationToken),
    _ => MemoryQuestion.AskAsync(options, cancellationToken),
});
