using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Unicode;

namespace Evergrain.Providers.Servers;

/// <summary>What a server answered to a question about itself.</summary>
/// <param name="Status">The status; null where there was no answer.</param>
/// <param name="Product">The header <c>Server</c>; empty where there is none.</param>
/// <param name="Body">The answer's JSON; undefined where it is none.</param>
internal sealed record ServerAnswer(HttpStatusCode? Status, string Product, JsonElement Body)
{
    public bool IsOk => Status == HttpStatusCode.OK && Body.ValueKind == JsonValueKind.Object;

    /// <summary>Whether the server itself answered, and not a proxy before it is there.</summary>
    public bool IsSettled => Status is < HttpStatusCode.InternalServerError and not HttpStatusCode.TooManyRequests;

    /// <summary>Why there was no answer, for people.</summary>
    public string Failure { get; init; } = "";

    /// <summary>The server's clock, in whole seconds; null: it does not say.</summary>
    public DateTimeOffset? Date { get; init; }

    /// <summary>Why it is not what was asked for, with what to do.</summary>
    public string Cause => Status switch
    {
        null => Failure,
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => $"{(int)Status}: look at its key",
        HttpStatusCode.NotFound => "404: does its URL lack /v1?",
        HttpStatusCode.OK => "its answer holds no such list",
        _ => $"status {(int)Status}",
    };
}

/// <summary>Asks a URL of a server about itself.</summary>
internal static class ServerQuestion
{
    // Routers list hundreds of models with prices and descriptions; beyond that it is a mistake.
    private const int BodyBytesMax = 4 << 20;

    /// <summary>Gets one resource.</summary>
    public static async Task<ServerAnswer> AskAsync(
        ModelServer server, Uri url, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var time = server.Services.Time;
        using var clock = new CallClock(time, time.GetTimestamp(), timeout, cancellationToken);
        clock.Start(CallWait.Rest, timeout);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url)
            {
                Version = HttpVersion.Version11,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            using var response = await server.Connections.SendAsync(request, isNew: false, clock.Token);
            await using var stream = await response.Content.ReadAsStreamAsync(clock.Token);
            var (body, isWhole) = await BoundedRead.ReadAsync(stream, BodyBytesMax, clock.Token);
            return new ServerAnswer(
                response.StatusCode, response.Headers.Server.ToString(), isWhole ? Parse(body) : default)
            {
                Date = response.Headers.Date,
            };
        }
        catch (Exception e) when (
            e is HttpRequestException or IOException or OperationCanceledException &&
            !cancellationToken.IsCancellationRequested)
        {
            return new ServerAnswer(null, "", default) { Failure = FailureOf(e) };
        }
    }

    private static string FailureOf(Exception e) => e switch
    {
        HttpRequestException { InnerException: SocketException { SocketErrorCode: SocketError.ConnectionRefused } } =>
            "connection refused",
        HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } => "its host is not known",
        HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } => "TLS failed",
        OperationCanceledException => "no answer in time",
        _ => "the connection failed",
    };

    // JSON with a text that is no Unicode is none: such a text throws where it is read.
    private static JsonElement Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            var isUnicode = Utf8.IsValid(body.Span) && PairedEscapes.Of(body).Equals(body);
            return isUnicode ? JsonElement.Parse(body.Span) : default;
        }
        catch (JsonException)
        {
            return default;
        }
    }
}
