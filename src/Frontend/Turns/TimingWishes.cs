using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Turns;

/// <summary>What a client asks to be told of the time of its turns. One that asks for nothing gets nothing.</summary>
/// <param name="IsTurn">Whether it gets the header <c>Server-Timing</c> and the event <c>evergrain:turn</c>.</param>
/// <param name="IsCodex">Whether it gets the event of OpenAI's that Codex reads.</param>
internal readonly record struct TimingWishes(bool IsTurn, bool IsCodex)
{
    // A web page cannot set a header on a WebSocket, so the query says it as well.
    private const string Name = "evergrain-timing";

    // Source: Codex sends it where its own telemetry is on.
    private const string CodexHeader = "x-responsesapi-include-timing-metrics";

    /// <summary>Reads them from a request.</summary>
    public static TimingWishes Of(HttpRequest request) => new(
        request.Headers[Name] == "1" || request.Query[Name] == "1",
        string.Equals(request.Headers[CodexHeader], "true", StringComparison.OrdinalIgnoreCase));
}
