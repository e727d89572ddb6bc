using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Tests.Checks;

/// <summary>The settings of the check, as a server reads them.</summary>
public sealed class InputCheckSettingsTests
{
    [Fact]
    public async Task Settings_Wrong_AreReportedAtStartWithTheServersOwn()
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => TestServer.StartAsync(
            new ScriptedConversations(), ("Port", "70000"), ("InputCheck:Url", "nowhere"),
            ("InputCheck:Rules:0:Pattern", "(")));

        Assert.Equal(4, error.Failures.Count());
        Assert.Contains("InputCheck:Url:", error.Message, StringComparison.Ordinal);
        Assert.Contains("InputCheck:Rules:0:Pattern:", error.Message, StringComparison.Ordinal);
        Assert.Contains("Port", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_WithoutTheSection_MakeNoCheck()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());

        Assert.Throws<InvalidOperationException>(() => server.Get<IInputCheck>());
    }

    [Fact]
    public async Task Settings_EverySetting_IsRead()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(),
            ("InputCheck:OnFailure", "allow"), ("InputCheck:Timeout", "00:00:05"),
            ("InputCheck:MatchTimeout", "00:00:10"), ("InputCheck:Rules:0:Name", "n"),
            ("InputCheck:Rules:0:Pattern", "secret"), ("InputCheck:Rules:0:Message", "No."),
            ("InputCheck:Rules:0:Types:0", "function_call_output"), ("InputCheck:Rules:1:Name", "r"),
            ("InputCheck:Rules:1:Pattern", "^a$"), ("InputCheck:Rules:1:Roles:0", "user"));
        var check = server.Get<IInputCheck>();

        Assert.Equal("No.", (await CheckAsync(
            """[{"type":"function_call_output","call_id":"c","output":"my secret"}]"""))!.Message);
        Assert.NotNull(await CheckAsync("\"a\""));
        Assert.Null(await CheckAsync("\"secret\""));

        async Task<Refusal?> CheckAsync(string input) => await check.CheckAsync(NewInput.Read("default",
            System.Text.Encoding.UTF8.GetBytes($$"""{"model":"m","input":{{input}}}""")), CancellationToken.None);
    }
}
