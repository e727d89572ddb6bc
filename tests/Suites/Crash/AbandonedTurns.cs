using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;

namespace Evergrain.Suites.Crash;

/// <summary>
/// Ends turns that a dead server left open in a journal it shared, as clients can: one is cancelled, the next one
/// continued, in turn.
/// </summary>
internal sealed class AbandonedTurns
{
    private readonly ConcurrentDictionary<string, bool> _cancelled = new();
    private int _ended;

    public int Cancelled => _cancelled.Count;

    public int Continued => Volatile.Read(ref _ended) - Cancelled;

    /// <summary>Whether the turn was cancelled here.</summary>
    public bool HasCancelled(string id) => _cancelled.ContainsKey(id);

    public async Task EndAsync(HttpClient http, string id, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _ended) % 2 == 0)
        {
            _cancelled[id] = true;
            var path = new Uri($"/v1/responses/{id}/cancel", UriKind.Relative);
            using var answer = await http.PostAsync(path, content: null, cancellationToken);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return;
        }

        // It answers a call that nobody made: who wants to continue a turn ends it, even if what they send is refused.
        var create = new
        {
            model = "demo",
            previous_response_id = id,
            input = new[] { new { type = "function_call_output", call_id = "call_of_nobody", output = "" } },
        };
        using var refused = await http.PostAsJsonAsync(
            new Uri("/v1/responses", UriKind.Relative), create, cancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
    }
}
