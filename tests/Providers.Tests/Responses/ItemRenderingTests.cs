using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Providers.Responses;
using Evergrain.Providers.Tests.Chat;

namespace Evergrain.Providers.Tests.Responses;

/// <summary>How items go back to a server: as they came, with that server's own id or with none.</summary>
public sealed class ItemRenderingTests
{
    private static readonly ResponsesApi Api = new("main");

    [Fact]
    public void Rendering_OfEachServer_HasItsName()
    {
        Assert.Equal("responses:main", Api.Rendering);
        Assert.Equal("responses", Api.Path);
    }

    [Theory]
    [InlineData("""{"id":"a","type":"message"}""", """{"type":"message"}""", """{"id":"up","type":"message"}""")]
    [InlineData("""{ "id" : "a" , "x":1}""", """{  "x":1}""", """{ "id" : "up" , "x":1}""")]
    [InlineData("""{"x":1, "id":"a"}""", """{"x":1}""", """{"x":1, "id":"up"}""")]
    [InlineData("""{"x":1 , "id" : "a" }""", """{"x":1 }""", """{"x":1 , "id" : "up" }""")]
    [InlineData("""{"x":1,"id":null,"y":2}""", """{"x":1,"y":2}""", """{"x":1,"id":"up","y":2}""")]
    [InlineData("""{"x":1,"id":{"id":[1,2]},"y":2}""", """{"x":1,"y":2}""", """{"x":1,"id":"up","y":2}""")]
    [InlineData("""{"\u0069\u0064":"a","y":2}""", """{"y":2}""", """{"\u0069\u0064":"up","y":2}""")]
    [InlineData("""{"y":{"id":"b"},"i\u0064":"a"}""", """{"y":{"id":"b"}}""", """{"y":{"id":"b"},"i\u0064":"up"}""")]
    [InlineData("""{"y":2}""", """{"y":2}""", """{"id":"up","y":2}""")]
    [InlineData("""{"id":"a"}""", "{}", """{"id":"up"}""")]
    [InlineData("""{"\ud800":1,"ID":2,"id":"a"}""", """{"\ufffd":1,"ID":2}""", """{"\ufffd":1,"ID":2,"id":"up"}""")]
    public void Render_AnItem_TouchesItsIdOnly(string item, string without, string with)
    {
        Assert.Equal("," + without, Render(item, origin: null));
        Assert.Equal("," + with, Render(item, new ItemOrigin("responses:main", "up")));
    }

    [Theory]
    [InlineData("""{"role":"assistant","content":"a"}""", """{"type":"message","role":"assistant","content":"a"}""")]
    [InlineData("""{"role":"user","content":"half \ud83d"}""",
        """{"type":"message","role":"user","content":"half \ufffd"}""")]
    [InlineData("""{"type":"message","role":"user","content":"\ud83d\ude00 \\ud83d","status":null}""",
        """{"type":"message","role":"user","content":"\ud83d\ude00 \\ud83d"}""")]
    [InlineData("""{"created_by":"x","type":"function_call","parsed_arguments":{"a":1},"status":"completed"}""",
        """{"type":"function_call","status":"completed"}""")]
    [InlineData("""{"type":"function_call","namespace":null,"status":null}""", """{"type":"function_call"}""")]
    public void Render_WhatOnlyAnswersHave_StaysHere(string item, string sent) =>
        Assert.Equal("," + sent, Render(item, origin: null));

    [Theory]
    [InlineData("""{"type":"reasoning","summary":[],"encrypted_content":"gAAA"}""", "")]
    [InlineData("""{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}],"encrypted_content":"gAAA"}""",
        """,{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}]}""")]
    public void Render_ThoughtsThatAnotherServerSealed_StayHere(string item, string sent)
    {
        foreach (var server in (string[])["responses:other", "chat:main"])
        {
            Assert.Equal(sent, RenderAny(item, new ItemOrigin(server, "")));
        }

        Assert.Contains("gAAA", RenderAny(item, new ItemOrigin("responses:main", "")), StringComparison.Ordinal);
        Assert.Contains("gAAA", RenderAny(item, origin: null), StringComparison.Ordinal);
    }

    [Fact]
    public void Render_Compaction_GoesWhereItCanBeRead()
    {
        var sealedItem = $$"""{"type":"compaction","encrypted_content":"{{new string('A', 80)}}"}""";
        Assert.Equal("", RenderAny(sealedItem, new ItemOrigin("responses:other", "")));
        Assert.Equal("," + sealedItem, RenderAny(sealedItem, origin: null));
        Assert.Equal(
            """,{"type":"message","role":"user","content":[{"type":"input_text","text":""" +
            "\"Summary of the conversation before this point:\\nall is \\\"well\\\"\"}]}",
            RenderAny("""{"type":"compaction","encrypted_content":"all is \"well\""}""", origin: null));
    }

    [Fact]
    public void Render_AnItemOfAnotherServer_LeavesItsIdOut()
    {
        var item = """{"id":"msg_ours","type":"message","status":"completed","content":[{"text":"\u00e9 é"}]}""";
        var rendered = """,{"type":"message","status":"completed","content":[{"text":"\u00e9 é"}]}""";
        Assert.Equal(rendered, Render(item, new ItemOrigin("responses:other", "up")));
        Assert.Equal(rendered, Render(item, new ItemOrigin("chat", "up")));
    }

    [Theory]
    [InlineData("""{"type":"reasoning","summary":[{"text":"s"}]}""", false)]
    [InlineData("""{"type":"reasoning","x":null,"content":[ ]}""", false)]
    [InlineData("""{"type":"reasoning","encrypted_content":"","content":null}""", false)]
    [InlineData("""{"type":"reasoning","x":{"encrypted_content":"g"}}""", false)]
    [InlineData("""{"type":"reasoning","summary":[],"encrypted_content":"g"}""", true)]
    [InlineData("""{"type":"reasoning","content":[{"type":"reasoning_text","text":"r"}]}""", true)]
    public void Render_Reasoning_HasAnIdOnlyWhereItHoldsThoughts(string item, bool hasId)
    {
        var bytes = Encoding.UTF8.GetBytes(item);
        var rendered = Api.Render(new Item(bytes, "reasoning", ItemRole.None)
        {
            Origin = new ItemOrigin("responses:main", "rs_up"),
        }, state: null);
        var expected = hasId ? ",{\"id\":\"rs_up\"," + item[1..] : "," + item;
        Assert.Equal(expected, Encoding.UTF8.GetString(rendered.Bytes.Span));
    }

    [Fact]
    public void Render_AnIdThatNeedsEscapes_IsAJsonString() =>
        Assert.Equal(""",{"id":"a\"\\é"}""", Render("""{"id":"x"}""", new ItemOrigin("responses:main", "a\"\\é")));

    [Fact]
    public void Render_AnItem_CountsAQuarterOfItsBytesAndLeavesNoState()
    {
        var rendered = Api.Render(Item("""{"a":12}"""), state: null);
        Assert.Equal(3, rendered.Tokens);
        Assert.Null(rendered.State);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Render_AnApproval_NamesItsQuestionAsTheServerDoes(bool moves)
    {
        var question = Item("""{"id":"mcpr_ours","type":"mcp_approval_request"}""", "mcp_approval_request") with
        {
            Origin = new ItemOrigin("responses:main", "mcpr_up"),
        };
        var asked = Api.Render(question, state: null);
        var state = moves ? MovedState.Of(Api.States, question, before: null, asked.State) : asked.State;
        var between = Api.Render(Item("""{"type":"x"}"""), state);
        const string answer = """{"type":"mcp_approval_response","approval_request_id":"mcpr_ours","approve":true}""";

        var answered = Api.Render(Item(answer, "mcp_approval_response"), between.State);

        Assert.Equal("," + answer.Replace("mcpr_ours", "mcpr_up", StringComparison.Ordinal),
            Encoding.UTF8.GetString(answered.Bytes.Span));
        Assert.Null(answered.State);
        Assert.NotNull(between.State);
    }

    [Theory]
    [InlineData("""{"type":"mcp_approval_response","approval_request_id":"mcpr_other"}""")]
    [InlineData("""{"type":"mcp_approval_response","approval_request_id":null}""")]
    [InlineData("""{"type":"mcp_approval_response"}""")]
    public void Render_AnApprovalOfWhatIsNotKnown_LeavesItAsItIs(string answer)
    {
        var asked = Api.Render(Item("""{"id":"mcpr_ours","type":"mcp_approval_request"}""", "mcp_approval_request") with
        {
            Origin = new ItemOrigin("responses:main", "mcpr_up"),
        }, state: null);

        var answered = Api.Render(Item(answer, "mcp_approval_response"), asked.State);

        Assert.Equal("," + answer, Encoding.UTF8.GetString(answered.Bytes.Span));
        Assert.Same(asked.State, answered.State);
    }

    private static string Render(string json, ItemOrigin? origin) =>
        Encoding.UTF8.GetString(Api.Render(Item(json) with { Origin = origin }, state: null).Bytes.Span);

    private static string RenderAny(string json, ItemOrigin? origin) => Encoding.UTF8.GetString(
        Api.Render(ChatDriver.ItemOf(Encoding.UTF8.GetBytes(json)) with { Origin = origin }, state: null).Bytes.Span);

    private static Item Item(string json, string type = "message") =>
        new(Encoding.UTF8.GetBytes(json), type, type == "message" ? ItemRole.Assistant : ItemRole.None);
}
