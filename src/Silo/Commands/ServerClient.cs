using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Evergrain.Silo.Commands;

/// <summary>A server, asked over HTTP; its key comes from the environment.</summary>
internal sealed class ServerClient : IDisposable
{
    public const string AddressDefault = "http://127.0.0.1:8080";

    private const string KeyVariable = "EVERGRAIN_KEY";

    // More than any page of items, and than any response: an output has at most 64 MiB.
    private const int AnswerBytesMax = 256 << 20;

    // A server that is asked too often, or whose journal is away, says when to come back.
    private const int TriesMax = 5;
    private static readonly TimeSpan PauseMax = TimeSpan.FromMinutes(1);

    // A conversation may have to be rebuilt, or a model may have to answer.
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(10);

    private readonly HttpClient _http;
    private readonly string _address;

    public ServerClient(string address)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
        {
            throw new CommandException($"--url: '{address}' is not an address such as {AddressDefault}.");
        }

        _address = address.TrimEnd('/');
        _http = new HttpClient { Timeout = Timeout, MaxResponseContentBufferSize = AnswerBytesMax };
        if (Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } key)
        {
            if (!key.All(static letter => letter is > ' ' and <= '~'))
            {
                throw new CommandException($"{KeyVariable} holds a character that no key has: a key is printable " +
                    "ASCII without spaces.");
            }

            _http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", $"Bearer {key}");
        }
    }

    /// <summary>Reads a resource.</summary>
    /// <exception cref="CommandException">It cannot be read.</exception>
    public async Task<JsonElement> GetAsync(string path, CancellationToken cancellationToken)
    {
        using var answer = await SendAsync(() => Request(HttpMethod.Get, path), isStreamed: false, cancellationToken);
        return await ReadAsync(answer, cancellationToken);
    }

    /// <summary>Runs a turn; the same key again reaches the same turn.</summary>
    /// <exception cref="CommandException">The create is refused.</exception>
    public async Task<JsonElement> CreateAsync(
        byte[] create, string idempotencyKey, CancellationToken cancellationToken)
    {
        using var answer = await SendAsync(() =>
        {
            var request = CreateRequest(create);
            request.Headers.Add("Idempotency-Key", idempotencyKey);
            return request;
        }, isStreamed: false, cancellationToken);
        return await ReadAsync(answer, cancellationToken);
    }

    /// <summary>Runs a turn, whose events come as they are made.</summary>
    /// <exception cref="CommandException">The create is refused.</exception>
    public Task<HttpResponseMessage> StreamAsync(byte[] create, CancellationToken cancellationToken) =>
        SendAsync(() => CreateRequest(create), isStreamed: true, cancellationToken);

    /// <summary>Reads a resource that goes on.</summary>
    /// <exception cref="CommandException">It cannot be read.</exception>
    public Task<HttpResponseMessage> FollowAsync(string path, CancellationToken cancellationToken) =>
        SendAsync(() => Request(HttpMethod.Get, path), isStreamed: true, cancellationToken);

    /// <summary>Deletes a response.</summary>
    /// <exception cref="CommandException">It is not there.</exception>
    public async Task DeleteAsync(string response, CancellationToken cancellationToken) => (await SendAsync(
        () => Request(HttpMethod.Delete, $"/v1/responses/{response}"), isStreamed: false, cancellationToken)).Dispose();

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private HttpRequestMessage Request(HttpMethod method, string path) => new(method, _address + path);

    private HttpRequestMessage CreateRequest(byte[] create)
    {
        var request = Request(HttpMethod.Post, "/v1/responses");
        request.Content = new ByteArrayContent(create);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return request;
    }

    private async Task<HttpResponseMessage> SendAsync(
        Func<HttpRequestMessage> create, bool isStreamed, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            using var request = create();
            var answer = await SendOnceAsync(request, isStreamed, cancellationToken);
            if (answer.IsSuccessStatusCode)
            {
                return answer;
            }

            using (answer)
            {
                if (tries == TriesMax || PauseOf(answer) is not { } pause)
                {
                    throw await RefusalOfAsync(answer, cancellationToken);
                }

                await Task.Delay(pause, TimeProvider.System, cancellationToken);
            }
        }
    }

    private async Task<HttpResponseMessage> SendOnceAsync(
        HttpRequestMessage request, bool isStreamed, CancellationToken cancellationToken)
    {
        try
        {
            return await _http.SendAsync(request, isStreamed
                ? HttpCompletionOption.ResponseHeadersRead
                : HttpCompletionOption.ResponseContentRead, cancellationToken);
        }
        catch (HttpRequestException e)
        {
            throw new CommandException($"No server answers at {_address} ({e.Message.TrimEnd('.')}): start one, or " +
                "name its address with --url.", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CommandException($"The server at {_address} did not answer within {Timeout}.", e);
        }
    }

    private static TimeSpan? PauseOf(HttpResponseMessage answer) =>
        answer.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable &&
        answer.Headers.RetryAfter?.Delta is { } pause && pause <= PauseMax
            ? pause
            : null;

    private async Task<CommandException> RefusalOfAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        var said = Terminal.Safe(SentenceOf(await answer.Content.ReadAsByteArrayAsync(cancellationToken)));
        var way = answer.StatusCode == HttpStatusCode.Unauthorized
            ? $" Put a key of this server into {KeyVariable}."
            : "";
        return new CommandException($"{_address} answers {(int)answer.StatusCode}: {said}{way}");
    }

    private static string SentenceOf(byte[] body)
    {
        try
        {
            var answer = JsonElement.Parse(body);
            return answer.Text("error", "message") ?? "its answer has no message.";
        }
        catch (JsonException)
        {
            return "its answer is not JSON; is it an Evergrain?";
        }
    }

    private async Task<JsonElement> ReadAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        try
        {
            return JsonElement.Parse(await answer.Content.ReadAsByteArrayAsync(cancellationToken));
        }
        catch (JsonException e)
        {
            throw new CommandException($"The answer of {_address} is not JSON; is it an Evergrain?", e);
        }
    }
}
