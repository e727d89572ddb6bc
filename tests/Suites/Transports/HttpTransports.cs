using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Transports;

/// <summary>HTTP, answered with JSON. What runs meanwhile can be seen of a background response only.</summary>
public sealed class JsonTransport(HttpClient http) : ITurnTransport
{
    public bool HasEvents => false;

    public static Task<ITurnTransport> ConnectAsync(TestServer server, string? key) =>
        Task.FromResult<ITurnTransport>(new JsonTransport(HttpTurns.Connect(server, key)));

    public Task<TurnResult> RunAsync(string create) => http.AnswerAsync(create);

    public async Task<(string Id, Task<TurnResult> Ended)> BeginAsync(string create)
    {
        var begun = await http.AnswerAsync(create.With("background"));
        return (begun.Id, EndAsync());

        async Task<TurnResult> EndAsync()
        {
            using var stream = await http.GetStreamAsyncOf($"/v1/responses/{begun.Id}?stream=true");
            return TurnResult.Of(await stream.ReadToEndAsync());
        }
    }

    public Task CancelAsync(string id) => http.CancelAsync(id);

    public void Dispose() => http.Dispose();
}

/// <summary>HTTP, answered with an event stream.</summary>
public sealed class StreamTransport(HttpClient http) : ITurnTransport
{
    public bool HasEvents => true;

    public static Task<ITurnTransport> ConnectAsync(TestServer server, string? key) =>
        Task.FromResult<ITurnTransport>(new StreamTransport(HttpTurns.Connect(server, key)));

    public async Task<TurnResult> RunAsync(string create)
    {
        using var answer = await http.PostCreateAsync(create.With("stream"));
        if (!answer.IsSuccessStatusCode)
        {
            return await HttpTurns.ReadAsync(answer);
        }

        using var stream = await EventStreamReader.OpenAsync(answer);
        return TurnResult.Of(await stream.ReadToEndAsync());
    }

    public async Task<(string Id, Task<TurnResult> Ended)> BeginAsync(string create)
    {
        var stream = await EventStreamReader.OpenAsync(await http.PostCreateAsync(create.With("stream")));
        var created = (await stream.ReadAsync())!.Value;
        return (created.IdOf(), EndAsync());

        async Task<TurnResult> EndAsync()
        {
            using var rest = stream;
            return TurnResult.Of([created, .. await rest.ReadToEndAsync()]);
        }
    }

    public Task CancelAsync(string id) => http.CancelAsync(id);

    public void Dispose() => http.Dispose();
}

/// <summary>What tests ask of <c>/v1/responses</c>.</summary>
public static class HttpTurns
{
    public static HttpClient Connect(TestServer server, string? key = null)
    {
        var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        return http;
    }

    /// <summary>A create with a flag set.</summary>
    public static string With(this string create, string flag) => $"{{\"{flag}\":true,{create[1..]}";

    /// <summary>Posts a create; the answer's head has come, its body may still come.</summary>
    public static async Task<HttpResponseMessage> PostCreateAsync(this HttpClient http, string create)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/responses")
        {
            Content = new StringContent(create, Encoding.UTF8, "application/json"),
        };
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>Posts a create and reads its JSON answer.</summary>
    public static async Task<TurnResult> AnswerAsync(this HttpClient http, string create)
    {
        using var answer = await http.PostCreateAsync(create);
        return await ReadAsync(answer);
    }

    public static async Task<TurnResult> ReadAsync(HttpResponseMessage answer)
    {
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.ToString());
        var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        return answer.IsSuccessStatusCode
            ? new TurnResult { Response = body }
            : new TurnResult { Refused = ((int)answer.StatusCode, body.GetProperty("error")) };
    }

    /// <summary>Cancels a response and gives the answer's body.</summary>
    public static async Task<JsonElement> CancelAsync(this HttpClient http, string id)
    {
        using var answer = await http.PostAsync($"/v1/responses/{id}/cancel", null);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
    }

    public static async Task<EventStreamReader> GetStreamAsyncOf(this HttpClient http, string path) =>
        await EventStreamReader.OpenAsync(await http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead));
}
