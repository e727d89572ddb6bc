using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Suites.Crash;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>What clients and operators see of a conversation that no index leads to any more.</summary>
[Collection(nameof(ProcessTests))]
public sealed class DamageTests : IDisposable
{
    private static readonly Uri Responses = new("v1/responses", UriKind.Relative);

    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-damage-");
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(3));

    private CancellationToken Token => _patience.Token;

    public void Dispose()
    {
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Fact]
    public async Task Response_NoIndexLeadsToIt_IsDamagedOnceTheCheckCameBy_AndOthersAreServed()
    {
        var ids = new List<string>();
        await using (var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(_data.FullName), Token))
        {
            using var http = server.CreateHttpClient();
            for (var i = 0; i < 3; i++)
            {
                var create = new { model = "demo", input = "hello" };
                using var stored = await http.PostAsJsonAsync(Responses, create, Token);
                using var response = JsonDocument.Parse(await stored.Content.ReadAsStringAsync(Token));
                ids.Add(response.RootElement.GetProperty("id").GetString()!);
            }

            await server.TerminateAsync(Token);
            Assert.Equal(0, (await server.ExitAsync(Token)).ExitCode);
        }

        // The last one in the index stays the last: no search for another meets it.
        ids.Sort(static (left, right) => ConversationOf(left).CompareTo(ConversationOf(right)));
        Hide(ids[2]);

        await using var again = await ServerProcess.StartAsync(ServerSettings.OnSqlite(_data.FullName), Token);
        using var client = again.CreateHttpClient();
        using var answer = await UntilFoundAsync(client, ids[2]);
        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        Assert.Contains("journal is damaged", await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        using var other = await client.GetAsync(new Uri($"v1/responses/{ids[1]}", UriKind.Relative), Token);
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        var metrics = await client.GetStringAsync(new Uri("metrics", UriKind.Relative), Token);
        Assert.Matches("(?m)^evergrain_conversations_damaged_total\\{.*\\} [1-9]", metrics);
    }

    private static UInt128 ConversationOf(string response)
    {
        Assert.True(ResponseId.TryParse(response, out var id));
        return id.Conversation.Value;
    }

    /// <summary>The index names another tenant now: tenant and id stand behind each other.</summary>
    private void Hide(string response)
    {
        var entry = new byte["default".Length + 16];
        "default"u8.CopyTo(entry);
        BinaryPrimitives.WriteUInt128BigEndian(entry.AsSpan("default".Length), ConversationOf(response));
        var file = Path.Combine(_data.FullName, "evergrain.db");
        var bytes = File.ReadAllBytes(file);

        // The table, which stands before the index, has the same bytes.
        var at = bytes.AsSpan().LastIndexOf(entry);
        Assert.True(at > 0, "the index has the entry");
        bytes[at] ^= 1;
        File.WriteAllBytes(file, bytes);
    }

    private async Task<HttpResponseMessage> UntilFoundAsync(HttpClient http, string id)
    {
        while (true)
        {
            var answer = await http.GetAsync(new Uri($"v1/responses/{id}", UriKind.Relative), Token);
            if (answer.StatusCode != HttpStatusCode.NotFound)
            {
                return answer;
            }

            answer.Dispose();
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Token);
        }
    }
}
