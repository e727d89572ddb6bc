using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Checks;

/// <summary>Asks an HTTP endpoint about new input.</summary>
internal sealed class EndpointCheck : IDisposable
{
    // A reason and a field take a few hundred bytes.
    private const int AnswerBytesMax = 64 << 10;

    // Checks under way at once; more wait for one to end, within their own time.
    private const int ConnectionsMax = 128;

    // A name that comes to mean another address is followed within this time.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(5);

    private readonly Uri _url;
    private readonly HttpClient _client;

    public EndpointCheck(InputCheckOptions options)
    {
        _url = new Uri(options.Url!);
        _client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            ActivityHeadersPropagator = null,
            UseCookies = false,
            ConnectTimeout = options.Timeout,
            MaxConnectionsPerServer = ConnectionsMax,
            PooledConnectionLifetime = ConnectionLifetime,
        })
        {
            // The check's own time is its caller's business.
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (options.ReadKey() is { } key)
        {
            _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }
    }

    /// <summary>Allows the input (null) or refuses it. Reads nothing of the input once it has ended.</summary>
    /// <exception cref="CheckFailedException">There is no answer, or one that is none.</exception>
    public async Task<Refusal?> CheckAsync(NewInput input, CancellationToken cancellationToken)
    {
        var body = new EndpointBody(input);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, _url) { Content = body };
            TraceHeaders.Add(request, input.Trace);
            using var response = await _client.SendAsync(
                request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return response.StatusCode == HttpStatusCode.OK
                ? await ReadAsync(response, cancellationToken)
                : throw new CheckFailedException(CheckFailureKind.WrongStatus,
                    $"the endpoint answered with status {(int)response.StatusCode}");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var error = e is HttpRequestException request ? request.HttpRequestError : HttpRequestError.ResponseEnded;
            throw new CheckFailedException(
                CheckFailureKind.Unreachable, $"the endpoint could not be asked ({error})");
        }
        finally
        {
            await body.RestAsync();
        }
    }

    public void Dispose() => _client.Dispose();

    private static async Task<Refusal?> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var bytes = ArrayPool<byte>.Shared.Rent(AnswerBytesMax + 1);
        try
        {
            var length = await stream.ReadAtLeastAsync(
                bytes, AnswerBytesMax + 1, throwOnEndOfStream: false, cancellationToken);
            return length <= AnswerBytesMax
                ? EndpointAnswer.Read(bytes.AsMemory(0, length))
                : throw new CheckFailedException(CheckFailureKind.WrongAnswer,
                    $"the endpoint's answer is longer than {AnswerBytesMax} bytes");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }
}
