using Evergrain.Frontend.Access;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Tests.Access;

public sealed class OptionsTests
{
    [Theory]
    [InlineData("key", "key", "default")]
    [InlineData("key=team-1_a", "key", "team-1_a")]
    [InlineData("a=b=c", "a=b", "c")]
    public void Entry_Right_IsKeyAndTenant(string entry, string key, string tenant)
    {
        var mistakes = new List<string>();

        var keys = ApiKeySet.Load(new EvergrainOptions { ApiKeys = [entry] }, mistakes);

        Assert.Empty(mistakes);
        Assert.Equal(tenant, keys.FindTenant(System.Text.Encoding.ASCII.GetBytes(key)));
    }

    [Theory]
    [InlineData("secret=")]
    [InlineData("=team")]
    [InlineData("secret=Team")]
    [InlineData("secret=a b")]
    [InlineData("sec ret")]
    [InlineData("sécret")]
    [InlineData("\"secret\"")]
    [InlineData("'secret'=team")]
    [InlineData("secret,other")]
    [InlineData("SHA256:secret")]
    [InlineData("sec\tret")]
    [InlineData("sha256:secret")]
    [InlineData("sha256:0123=team")]
    [InlineData("secret=0123456789012345678901234567890123456789012345678901234567890123x")]
    public void Entry_Wrong_IsAMistakeThatDoesNotTellTheKey(string entry)
    {
        var mistakes = new List<string>();

        ApiKeySet.Load(new EvergrainOptions { ApiKeys = ["fine", entry] }, mistakes);

        Assert.StartsWith("API key 2:", Assert.Single(mistakes), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", mistakes[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4096, 0)]
    [InlineData(4097, 1)]
    public void Entry_LongerThanARequestCanBring_IsAMistake(int length, int expected)
    {
        var mistakes = new List<string>();

        ApiKeySet.Load(new EvergrainOptions { ApiKeys = [new string('k', length)] }, mistakes);

        Assert.Equal(expected, mistakes.Count);
    }

    [Theory]
    [InlineData("key=team")]
    [InlineData("key=default")]
    [InlineData("key=!other")]
    public void OperatorEntry_OfATenant_IsAMistake(string entry)
    {
        var mistakes = new List<string>();

        ApiKeySet.Load(new EvergrainOptions { OperatorKeys = [entry] }, mistakes);

        Assert.StartsWith("operator key 1:", Assert.Single(mistakes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("key")]
    [InlineData("key=!operator")]
    [InlineData("SHA256:2C70E12B7A0646F92279F427C7B38E7334D8E5389CFF167A1DC30E73F826B683=!operator")]
    public void OperatorEntry_Right_IsTheOperators(string entry)
    {
        var mistakes = new List<string>();

        var keys = ApiKeySet.Load(new EvergrainOptions { OperatorKeys = [entry] }, mistakes);

        Assert.Empty(mistakes);
        Assert.Equal("!operator", keys.FindTenant("key"u8));
    }

    [Theory]
    [InlineData("secret=!operator")]
    [InlineData("secret=!other")]
    public void Entry_WithATenantThatIsNone_IsAMistake(string entry)
    {
        var mistakes = new List<string>();

        ApiKeySet.Load(new EvergrainOptions { ApiKeys = [entry] }, mistakes);

        Assert.Contains("tenant", Assert.Single(mistakes), StringComparison.Ordinal);
    }

    [Fact]
    public void Entry_OfATenantAndAnOperator_IsAMistake()
    {
        var mistakes = new List<string>();

        ApiKeySet.Load(new EvergrainOptions { ApiKeys = ["a=one"], OperatorKeys = ["a"] }, mistakes);

        Assert.Equal("operator key 1: the key is given twice.", Assert.Single(mistakes));
    }

    [Fact]
    public void Entry_Twice_IsAMistake()
    {
        var mistakes = new List<string>();

        ApiKeySet.Load(new EvergrainOptions { ApiKeys = ["a=one", "a=two"] }, mistakes);

        Assert.Single(mistakes);
    }

    [Fact]
    public async Task Options_Wrong_AreAllReportedAtOnce()
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => TestServer.StartAsync(
            new ScriptedConversations(), ("Port", "70000"), ("SendTimeout", "00:00:00"), ("Address", "0.0.0.0"),
            ("FrameBytesMax", "1"), ("QueuedCreatesMax", "0"), ("DrainDelay", "00:00:31")));

        Assert.Equal(6, error.Failures.Count());
    }

    [Fact]
    public async Task OperationsPort_ThatIsThePort_IsAMistake()
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => TestServer.StartAsync(
            new ScriptedConversations(), ("Port", "8787"), ("OperationsPort", "8787")));

        Assert.Equal(
            "OperationsPort 8787 is the server's own port: choose another one.", Assert.Single(error.Failures));
    }

    [Theory]
    [InlineData("ApiKeys")]
    [InlineData("OperatorKeys")]
    [InlineData("AllowedOrigins")]
    public async Task List_GivenAsOneValue_IsAMistakeThatDoesNotTellTheValue(string option)
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => TestServer.StartAsync(
            new ScriptedConversations(), (option, "https://secret.example")));

        var mistake = Assert.Single(error.Failures);
        Assert.Contains($"Evergrain:{option}: a list belongs here", mistake, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", mistake, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    [InlineData("192.0.2.1")]
    [InlineData("example.org")]
    public async Task Address_NotLoopbackWithoutKeys_IsRefused(string address)
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() =>
            TestServer.StartAsync(new ScriptedConversations(), ("Address", address)));

        Assert.Contains(address, Assert.Single(error.Failures), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("::1")]
    [InlineData("localhost")]
    [InlineData("127.0.0.1")]
    public async Task Address_Loopback_IsTakenWithoutKeys(string address)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), ("Address", address));

        Assert.True(server.Address.IsLoopback);
    }
}
