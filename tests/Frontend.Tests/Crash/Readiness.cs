using System.Net;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>What a server answers to <c>/health/ready</c>.</summary>
internal static class Readiness
{
    private static readonly Uri Ready = new("health/ready", UriKind.Relative);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>200, or 503 while it is not ready.</summary>
    public static async Task<HttpStatusCode> AskReadyAsync(this HttpClient http, CancellationToken cancellationToken)
    {
        using var answer = await http.GetAsync(Ready, cancellationToken);
        return answer.StatusCode;
    }

    /// <summary>Ends once the server is ready.</summary>
    public static async Task UntilReadyAsync(this HttpClient http, CancellationToken cancellationToken)
    {
        while (await http.AskReadyAsync(cancellationToken) != HttpStatusCode.OK)
        {
            await Task.Delay(Pause, TimeProvider.System, cancellationToken);
        }
    }
}
