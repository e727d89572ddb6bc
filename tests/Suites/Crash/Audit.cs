using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Evergrain.Conversations.Ids;

namespace Evergrain.Suites.Crash;

/// <summary>Compares what the server holds with what clients sent and saw.</summary>
/// <param name="http">Asks the server.</param>
/// <param name="tally">Counts what is found.</param>
/// <param name="held">
/// What the journal held before the server was started: nobody can guess the id of a turn that no client saw. Null: the
/// clients saw every turn's end.
/// </param>
internal sealed class Audit(HttpClient http, CrashTally tally, HeldTurns? held = null)
{
    private const int PageLimit = 100;

    /// <summary>
    /// Every acknowledged turn is there, once, in order, unchanged; every id that was seen still names its turn; what
    /// was ambiguous is decided, and stays so. Gives the turns found to be cut now.
    /// </summary>
    public async Task<IReadOnlyList<SentTurn>> CheckAsync(
        SentConversation conversation, CancellationToken cancellationToken)
    {
        var found = await FindAllAsync(conversation, cancellationToken);
        var sent = conversation.Turns;
        var cut = new List<SentTurn>();
        foreach (var response in found)
        {
            var turn = Assert.Single(sent, turn => turn.Nonce == response.Nonce);
            if (Settle(turn, response))
            {
                cut.Add(turn);
            }
        }

        Assert.Equal(found.Count, found.DistinctBy(response => response.Nonce).Count());
        foreach (var turn in sent.Where(turn => turn.Response is null))
        {
            Assert.True(turn is { Id: null, IsAmbiguous: true }, $"{turn.Id} was seen by a client and is lost");
            tally.NotStored(turn);
        }

        CheckOrder(sent, found);
        if (held is null)
        {
            await CheckNextAsync(conversation, cancellationToken);
        }

        return cut;
    }

    /// <summary>The items that the response was made from are those that the clients sent and saw, in order.</summary>
    public async Task CheckContextAsync(SentTurn turn, CancellationToken cancellationToken)
    {
        var expected = turn.Context().ToList();
        var items = await ListInputAsync(turn.Id!, cancellationToken);
        Assert.Equal(expected.Count, items.Count);
        foreach (var (sent, kept) in expected.Zip(items))
        {
            Assert.True(JsonElement.DeepEquals(sent, WithIdOf(kept, sent)), $"{turn.Id}: {kept}, not {sent}");
        }
    }

    /// <summary>The first turn of a conversation whose id no client saw.</summary>
    public Task<ResponseView> FindFirstAsync(string code, CancellationToken cancellationToken) =>
        GetAsync(held!.Of(code)[0], cancellationToken);

    /// <summary>Settles what became of a turn, or checks that it is unchanged; true: now found cut.</summary>
    public bool Settle(SentTurn turn, ResponseView response)
    {
        turn.Id ??= response.Id;
        Assert.Equal(turn.Id, response.Id);
        Assert.Equal(turn.Parent?.Id, response.Previous);
        Assert.NotNull(response.Digest);
        if (turn.Response is not null)
        {
            Assert.Equal(turn.Response.Digest, response.Digest);
            Assert.Equal(turn.Response.Raw, response.Raw);
            return false;
        }

        Assert.True(turn.IsAmbiguous, $"{turn.Id} has not ended, but its connection has not broken");
        Assert.True(response.IsInterrupted || response.Status == "completed", response.Raw);
        turn.CheckSeen(response);
        turn.Response = response;
        tally.Decided(turn);
        return response.IsCut;
    }

    /// <summary>A client's later turn has the higher number.</summary>
    private static void CheckOrder(IReadOnlyList<SentTurn> sent, List<ResponseView> found)
    {
        var places = found.Index().ToDictionary(place => place.Item.Nonce!, place => place.Index);
        foreach (var client in sent.Where(turn => places.ContainsKey(turn.Nonce)).GroupBy(turn => turn.Client))
        {
            var order = client.Select(turn => places[turn.Nonce]).ToList();
            Assert.Equal(order.Order(), order);
        }
    }

    private async Task<List<ResponseView>> FindAllAsync(
        SentConversation conversation, CancellationToken cancellationToken)
    {
        var ids = held?.Of(conversation.Code!) ?? [.. conversation.Turns
            .Select(static turn => turn.Id ?? throw new InvalidOperationException($"{turn.Nonce} has no id"))
            .OrderBy(NumberOf)];

        // No number twice, and none that nobody knows of.
        Assert.Equal(Enumerable.Range(1, ids.Count), ids.Select(NumberOf));
        var found = new List<ResponseView>();
        foreach (var id in ids)
        {
            found.Add(await GetAsync(id, cancellationToken));
        }

        return found;
    }

    /// <summary>The number behind the last known turn is free: no turn follows that nobody knows of.</summary>
    private async Task CheckNextAsync(SentConversation conversation, CancellationToken cancellationToken)
    {
        var last = conversation.Turns[^1];
        var input = last.Response!.AnswersToCalls("none").Append(JsonSerializer.SerializeToElement(
            new { type = "message", role = "user", content = "which number is next?" }));
        using var answer = await http.PostAsJsonAsync(new Uri("/v1/responses", UriKind.Relative),
            new { model = "demo", previous_response_id = last.Id, input, tools = SentTurn.Tools }, cancellationToken);
        var response = new ResponseView(await answer.Content.ReadAsStringAsync(cancellationToken));
        Assert.Equal(conversation.Turns.Count + ++conversation.Probes, NumberOf(response.Id));
    }

    private static int NumberOf(string id) => ResponseId.TryParse(id, out var parsed)
        ? parsed.Turn.Number
        : throw new InvalidOperationException($"{id} is no id");

    private async Task<ResponseView> GetAsync(string id, CancellationToken cancellationToken)
    {
        var path = new Uri($"/v1/responses/{id}", UriKind.Relative);
        using var answer = await http.GetAsync(path, cancellationToken);
        var body = await answer.Content.ReadAsStringAsync(cancellationToken);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{id}: {body}");
        return new ResponseView(body);
    }

    private async Task<List<JsonElement>> ListInputAsync(string id, CancellationToken cancellationToken)
    {
        var items = new List<JsonElement>();
        var after = "";
        while (true)
        {
            var path = $"/v1/responses/{id}/input_items?order=asc&limit={PageLimit}{after}";
            using var page = JsonDocument.Parse(
                await http.GetStringAsync(new Uri(path, UriKind.Relative), cancellationToken));
            items.AddRange(page.RootElement.Clone().GetProperty("data").EnumerateArray());
            if (!page.RootElement.GetProperty("has_more").GetBoolean())
            {
                return items;
            }

            after = "&after=" + page.RootElement.GetProperty("last_id").GetString();
        }
    }

    /// <summary>The list gives every item an id; one that was sent without is compared without.</summary>
    private static JsonElement WithIdOf(JsonElement kept, JsonElement sent) => sent.TryGetProperty("id", out _)
        ? kept
        : JsonSerializer.SerializeToElement(kept.EnumerateObject().Where(member => member.Name != "id")
            .ToDictionary(member => member.Name, member => member.Value));
}
