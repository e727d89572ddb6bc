using Evergrain.Conversations.Ids;

namespace Evergrain.Suites.Hosts;

/// <content>Calls of async tools, which stay open for turns.</content>
public abstract partial class ConversationsContract
{
    private const string AsyncTool = """{"type":"function","name":"f","async":true}""";

    [Theory]
    [InlineData("passivate", true)]
    [InlineData("restart", true)]
    [InlineData("kill", true)]
    [InlineData("passivate", false)]
    public async Task OpenCall_AfterALife_TakesItsOutputTurnsLaterAndAgain(string how, bool store)
    {
        var asking = await CallAsync("ask", null, AsyncTool, store);
        await EndLifeAsync(how);
        var later = await EndedAsync("""[{"role":"user","content":"meanwhile"}]""", asking, store);
        var fork = await EndedAsync(OutputOf("call_ask"), asking, store);
        await EndLifeAsync(how);

        var answered = await EndedAsync(OutputOf("call_ask"), later, store);
        await EndedAsync(OutputOf("call_ask"), answered, store);
        await EndedAsync(OutputOf("call_ask"), fork, store);
    }

    [Fact]
    public async Task OpenCall_OfASynchronousTool_IsRefusedInOpenAIsWords()
    {
        var asking = await CallAsync("ask", null, AsyncTool, store: true);
        var both = await CallAsync("more", asking, """{"type":"function","name":"f"}""", store: true);

        var open = await ContractClient.RefusedAsync(() => EndedAsync(OutputOf("call_ask"), both, store: true));
        var unknown = await ContractClient.RefusedAsync(() => EndedAsync(OutputOf("call_no"), asking, store: true));

        Assert.Equal(("No tool output found for function call call_more.", "input"), (open.Message, open.Param));
        Assert.Equal(("No tool call found for function call output with call_id call_no.", "input"),
            (unknown.Message, unknown.Param));
        await EndedAsync(OutputOf("call_more"), both, store: true);
    }

    private static string OutputOf(string callId) =>
        $$"""[{"type":"function_call_output","call_id":"{{callId}}","output":"done"}]""";

    /// <summary>Runs a turn in which the model calls <c>f</c>, and ends it.</summary>
    private async Task<ResponseId> CallAsync(string text, ResponseId? previous, string tools, bool store)
    {
        var json = ContractClient.Json($$"""[{"role":"user","content":"{{text}}"}]""", previous, store: store);
        var id = await Client.CreateAsync(json.TrimEnd()[..^1] + $",\"tools\":[{tools}]}}",
            previous?.Conversation ?? ContractClient.NewConversation());
        var call = await Model.CallAsync(text);
        await call.SayAsync([.. Speech.Call("call_" + text), Speech.Completed]);
        call.End();
        await Client.ReadAsync(id);
        return id;
    }

    private async Task<ResponseId> EndedAsync(string input, ResponseId previous, bool store)
    {
        var id = await Client.CreateAsync(
            ContractClient.Json(input, previous, model: "echo", store: store), previous.Conversation);
        Assert.Equal("response.completed", ContractClient.TypeOf((await Client.ReadAsync(id))[^1]));
        return id;
    }
}
