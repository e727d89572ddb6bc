using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>
/// What does it cost to watch? This build with spans and metrics exported by OTLP and a timing event after each turn,
/// beside itself without them: the same pairs as <see cref="PairQuestion"/>.
/// </summary>
internal static class WatchedQuestion
{
    private const double CostMax = 1.05;

    public static async Task<Verdicts> AskAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## watched: spans, metrics and timing events beside none");
        Console.WriteLine();
        using var collector = new DiscardingUpstream(deltas: 0);
        collector.Start();
        var watched = options with { Collector = new Uri(collector.Url).GetLeftPart(UriPartial.Authority) };
        var figures = await PairQuestion.CompareAsync(watched, options, cancellationToken);
        var verdicts = new Verdicts();
        verdicts.Must("the collector was sent something", collector.LastCall > TimeSpan.Zero);
        verdicts.AtMost(
            "CPU of a turn, the interval's lower end", figures.Low(PairQuestion.Figure.Processor), CostMax, "");
        return verdicts;
    }
}
