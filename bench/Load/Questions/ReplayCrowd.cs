using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>
/// 1,000 stored creates at once with one history of 20 items, beside as many with a history each: nobody is refused,
/// and the slowest are not slower.
/// </summary>
internal sealed class ReplayCrowd(LoadOptions options) : IDisposable
{
    private const int Pairs = 24;
    private const int WarmUpPairs = 4;
    private const int Creates = 1_000;
    private const int Items = 20;
    private const double RatioMax = 1.2;

    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = Creates });
    private int _rounds;
    private int _refused;

    /// <summary>Asks a server with the demo model.</summary>
    public async Task AskAsync(ServerProcess server, Verdicts verdicts, CancellationToken cancellationToken)
    {
        var (p99, median) = (new Ratios(), new Ratios());
        for (var pair = -WarmUpPairs; pair < options.Count(Pairs); pair++)
        {
            var isOneFirst = pair % 2 == 0;
            var first = await RunAsync(server.Port, isOneFirst, cancellationToken);
            var second = await RunAsync(server.Port, !isOneFirst, cancellationToken);
            if (pair >= 0)
            {
                var (one, many) = isOneFirst ? (first, second) : (second, first);
                p99.Add(one.P99, many.P99);
                median.Add(one.Median, many.Median);
            }
        }

        Console.WriteLine(p99.Line($"{Creates:#,0} creates at once, p99: one history beside different ones", " ms"));
        Console.WriteLine(median.Line($"{Creates:#,0} creates at once, median", " ms"));
        Console.WriteLine();
        verdicts.Must($"creates at once that were refused: {_refused}", _refused == 0);
        verdicts.AtMost("creates at once: p99 ratio, median", p99.Interval().Median, RatioMax, "");
    }

    public void Dispose() => _http.Dispose();

    private async Task<Samples> RunAsync(int port, bool isOne, CancellationToken cancellationToken)
    {
        var round = ++_rounds;
        var bodies = Enumerable.Range(0, Creates).Select(i => Body(isOne ? $"{round}" : $"{round}.{i}")).ToArray();
        var samples = new Samples();
        var url = new Uri($"http://127.0.0.1:{port}/v1/responses");
        foreach (var ms in await Task.WhenAll(bodies.Select(body => PostAsync(url, body, cancellationToken))))
        {
            samples.Add(ms);
        }

        return samples;
    }

    private async Task<double> PostAsync(Uri url, byte[] body, CancellationToken cancellationToken)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        var begun = Stopwatch.GetTimestamp();
        using var answer = await _http.PostAsync(url, content, cancellationToken);
        await answer.Content.ReadAsByteArrayAsync(cancellationToken);
        if (!answer.IsSuccessStatusCode)
        {
            Interlocked.Increment(ref _refused);
        }

        return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
    }

    private static byte[] Body(string name)
    {
        var items = new List<string> { $$"""{"role":"user","content":"This is history {{name}}."}""" };
        while (items.Count < Items - 1)
        {
            items.Add("""{"role":"assistant","content":"Yes."}""");
            items.Add(Create.Message(items.Count));
        }

        return Encoding.UTF8.GetBytes(
            $$"""{"model":"demo","input":[{{string.Join(',', items)}},{"role":"assistant","content":"Go on?"},""" +
            """{"role":"user","content":"Go on."}]}""");
    }
}
