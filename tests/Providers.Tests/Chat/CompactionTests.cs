using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>Compaction for servers that know nothing of it.</summary>
public sealed class CompactionTests
{
    private static ChatDriver Driver => ChatDriver.Of(
        """{"role":"user","content":"hi"}""", """{"type":"compaction_trigger"}""");

    [Fact]
    public void Decode_AnswerToATrigger_IsOneCompactionItem()
    {
        var driver = Driver;
        var answer = driver.Read(Chunk.Reasoning("hm"), Chunk.Text("\\nall "), Chunk.Text("is well"),
            Chunk.Call(0, "call_1", "f", "{}"), Chunk.Of("""{"refusal":"no"}"""), Chunk.Stop);
        Assert.Equal("""{"type":"compaction","encrypted_content":"\nall is well"}""", answer.Single.ToJsonString());

        driver.Add(answer.Single.ToJsonString());
        driver.Add("""{"role":"user","content":"go on"}""");
        Assert.Equal("message", driver.Read(Chunk.Text("so"), Chunk.Stop).Types);
        Assert.Contains("Summary of the conversation before this point:\\n\\nall is well", driver.Messages(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Decode_NoSummary_Fails()
    {
        var answer = Driver.Read(Chunk.Reasoning("hm"), Chunk.Stop);
        Assert.Empty(answer.Items);
        Assert.Equal((ModelEventKind.Failed, "server_error"), (answer.End.Kind, answer.End.Code));
    }

    [Fact]
    public void Decode_SummaryCutShort_IsIncomplete() =>
        Assert.Equal(ModelEventKind.Incomplete, Driver.Read(Chunk.Text("all"), Chunk.Length).End.Kind);
}
