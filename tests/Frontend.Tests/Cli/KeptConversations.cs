using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Evergrain.Frontend.Tests.Crash;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary>Conversations that a server has made, and what any server that holds them must answer.</summary>
internal sealed class KeptConversations
{
    private const int AtOnce = 8;

    private static readonly Uri Responses = new("v1/responses", UriKind.Relative);

    private readonly ConcurrentDictionary<int, Kept> _kept = [];

    /// <summary>How many there are.</summary>
    public int Count => _kept.Count;

    /// <summary>The last response of a conversation.</summary>
    public string this[int number] => _kept[number].Id;

    /// <summary>Makes some, each with its idempotency key; every tenth has a second turn.</summary>
    public static async Task<KeptConversations> MakeAsync(
        ServerProcess server, int count, CancellationToken cancellationToken)
    {
        var made = new KeptConversations();
        using var http = server.CreateHttpClient();
        await EachAsync(count, async (number, token) =>
        {
            var first = await CreateAsync(http, number, previous: null, KeyOf(number), token);
            made._kept[number] = number % 10 > 0 ? first
                : await CreateAsync(http, number, first.Id, key: null, token);
        }, cancellationToken);
        return made;
    }

    /// <summary>
    /// Each is there with its digest and under its key, and goes on by id. Gives the digests that they go on to.
    /// </summary>
    public async Task<IReadOnlyList<string>> GoOnAsync(ServerProcess server, CancellationToken cancellationToken)
    {
        using var http = server.CreateHttpClient();
        var digests = new string[Count];
        await EachAsync(Count, async (number, token) =>
        {
            var kept = _kept[number];
            using var answer = await http.GetAsync(new Uri($"v1/responses/{kept.Id}", UriKind.Relative), token);
            Assert.Equal(kept, await ReadAsync(answer, token));
            if (number % 10 > 0)
            {
                // The same create again is the same turn.
                Assert.Equal(kept, await CreateAsync(http, number, previous: null, KeyOf(number), token));
            }

            var next = await CreateAsync(http, number, kept.Id, key: null, token);
            Assert.Equal(kept.Id.Split('_')[1], next.Id.Split('_')[1]);
            digests[number] = next.Digest;
        }, cancellationToken);
        return digests;
    }

    private static Task EachAsync(
        int count, Func<int, CancellationToken, ValueTask> work, CancellationToken cancellationToken) =>
        Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions
        {
            MaxDegreeOfParallelism = AtOnce,
            CancellationToken = cancellationToken,
        }, work);

    private static string KeyOf(int number) => string.Create(CultureInfo.InvariantCulture, $"key-{number}");

    private static async Task<Kept> CreateAsync(
        HttpClient http, int number, string? previous, string? key, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Responses)
        {
            Content = JsonContent.Create(new
            {
                model = "demo",
                input = $"{number} {new string('x', 50 * (number % 30))}",
                previous_response_id = previous,
            }),
        };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        using var answer = await http.SendAsync(request, cancellationToken);
        return await ReadAsync(answer, cancellationToken);
    }

    private static async Task<Kept> ReadAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        var said = await answer.Content.ReadAsStringAsync(cancellationToken);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, said);
        var response = JsonElement.Parse(said);
        return new Kept(response.GetProperty("id").GetString()!,
            response.GetProperty("evergrain").GetProperty("digest").GetString()!);
    }

    /// <summary>A response, and the digest of its context.</summary>
    private sealed record Kept(string Id, string Digest);
}
